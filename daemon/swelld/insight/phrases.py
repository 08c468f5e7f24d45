"""What the reports say, in each language that the rules can write: `phrases.LANGUAGE.yaml` beside this module."""

from functools import cache
from importlib import resources
from typing import Any, Final

from swelld.analysis import figures

SECTIONS: Final = ("overview", "load", "bottlenecks", "tradeoff", "operating", "improvements")
"""Of every report, in this order."""

WRITTEN: Final = ("en", "ko")
"""Languages of the rules; a model may know more."""

_NAMES: Final = {
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
}


class Language:
    """One language by its code: its name for the model, and what the rules say, in English where they do not know it.

    ValueError for what is no code.
    """

    def __init__(self, code: str) -> None:
        short = code.strip().lower().replace("_", "-").partition("-")[0]
        if not short.isalpha() or len(code) > 20:
            raise ValueError(f"{code!r} is no language: write a code such as en, ko or de")
        self.name = _NAMES.get(short, code.strip())
        self._phrases = _phrases(short if short in WRITTEN else "en")

    def say(self, key: str, **values: object) -> str:
        """One phrase."""
        return str(self._phrases[key]).format(**values)

    def times(self, factor: float | None) -> str:
        """How many times as much."""
        return self.say("unknown") if factor is None else self.say("times", factor=figures.rate(factor))

    def figure(self, name: str) -> str | None:
        """What a figure of a result is called; None if it has no name of its own in this language."""
        found = self._phrases.get("figures", {}).get(name)
        return None if found is None else str(found)

    def finding(self, subject: str, **values: object) -> str | None:
        """What is said of a finding on this subject; None if its own text will do."""
        phrase = self._phrases.get("findings", {}).get(subject)
        return None if phrase is None else str(phrase).format(**values)

    def titles(self) -> dict[str, str]:
        """Of the sections, by their keys."""
        return {key: self.say(key) for key in SECTIONS}


@cache
def _phrases(code: str) -> dict[str, Any]:
    import yaml

    text = resources.files("swelld.insight").joinpath(f"phrases.{code}.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found
