"""Settings: one YAML file with `SWELLD_*` variables over it, checked, printed back, documented."""

from swelld.settings.absent import absent_secrets
from swelld.settings.effective import effective, redacted
from swelld.settings.loading import file_of, load_settings
from swelld.settings.model import Exporters, Files, Log, Settings
from swelld.settings.problems import ConfigError
from swelld.settings.reference import configuration_reference, with_reference
from swelld.settings.web import Address, Web
from swelld.store.settings import Store

__all__ = [
    "Address",
    "ConfigError",
    "Exporters",
    "Files",
    "Log",
    "Settings",
    "Store",
    "Web",
    "absent_secrets",
    "configuration_reference",
    "effective",
    "file_of",
    "load_settings",
    "redacted",
    "with_reference",
]
