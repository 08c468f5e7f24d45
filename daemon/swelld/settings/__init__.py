"""Settings: one YAML file with `SWELLD_*` variables over it, checked, printed back, documented."""

from swelld.settings.effective import effective, redacted
from swelld.settings.loading import load_settings
from swelld.settings.model import Address, Exporters, Files, Log, Settings, Store, Web
from swelld.settings.problems import ConfigError
from swelld.settings.reference import configuration_reference, with_reference

__all__ = [
    "Address",
    "ConfigError",
    "Exporters",
    "Files",
    "Log",
    "Settings",
    "Store",
    "Web",
    "configuration_reference",
    "effective",
    "load_settings",
    "redacted",
    "with_reference",
]
