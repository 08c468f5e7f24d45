"""Settings with the targets that were found."""

from collections.abc import Mapping

from swelld.engine.target import Target
from swelld.settings.model import Settings, contradictions
from swelld.settings.problems import ConfigError


def with_targets(settings: Settings, found: Mapping[str, Target]) -> Settings:
    """The settings with found targets beside the configured ones, which keep their names.

    ConfigError if a scenario contradicts what it would load now.
    """
    targets = {**settings.targets, **{name: target for name, target in found.items() if name not in settings.targets}}
    problems = [
        f"discovery: {'.'.join(map(str, path))}: {text}" for path, text in contradictions(targets, settings.scenarios)
    ]
    if problems:
        raise ConfigError(problems)
    return settings.model_copy(update={"targets": targets})
