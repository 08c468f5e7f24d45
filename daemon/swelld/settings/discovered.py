"""Settings with the targets that were found."""

from collections.abc import Mapping

from swelld.engine.target import Target
from swelld.settings.model import Settings, contradictions
from swelld.settings.problems import ConfigError


def with_targets(settings: Settings, found: Mapping[str, Target]) -> Settings:
    """What the settings come to with targets that were found; configured ones keep their names.

    Scenarios without any target yet are left out: they are added, as by a reload, with their first one, and removed
    with their last. ConfigError if a scenario contradicts what it would load now.
    """
    merged = settings.model_copy(update={"targets": {**found, **settings.targets}})
    problems = [
        f"discovery: {'.'.join(map(str, path))}: {text}"
        for path, text in contradictions(merged.targets, settings.scenarios, discovers=True)
    ]
    if problems:
        raise ConfigError(problems)
    loaded = {name: scenario for name, scenario in settings.scenarios.items() if merged.shares(scenario)}
    return merged.model_copy(update={"scenarios": loaded})
