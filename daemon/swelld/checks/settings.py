"""Which checks the answers of a scenario have to pass, and how many of them are looked at."""

from importlib.util import find_spec
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, field_validator, model_validator

from swelld.config import Config, FieldError, capped, parse_list

MOST_STEPS: Final = 8_000_000
"""Characters times instructions of a pattern: what one search can cost at worst, some 30 ms of the load process."""


class Checks(Config):
    """What every good answer that is looked at has to pass; the first check that it fails is counted.

    They change nothing of the outcome, the times or the goodput: an answer that fails one has been answered.
    """

    non_empty: bool = False
    """There is more than white space in it."""
    finish_reason: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = ()
    """It ends with one of these, as the server words them: [stop, length]."""
    json_: Annotated[bool, Field(alias="json")] = False
    """It is one JSON document, with nothing before or behind it but white space."""
    regex: str | None = None
    """This is found in it, in the syntax of RE2 (no look-around, no back references); needs the package google-re2."""
    repetition: bool = False
    """It does not end in a loop: the same piece of up to 400 characters 5 times in a row or more, 200 characters at
    least."""
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the exchanges that is looked at, drawn by the seed."""
    max_chars: Annotated[int, Field(ge=256, le=65536)] = 16384
    """Of a longer answer `regex` sees the beginning only, and `json` is not judged."""

    @field_validator("regex")
    @classmethod
    def _installed(cls, pattern: str | None) -> str | None:
        if pattern is not None and find_spec("re2") is None:
            raise ValueError("needs the package google-re2: pip install 'swelld[checks]'")
        return pattern

    @model_validator(mode="after")
    def _usable(self) -> "Checks":
        if not self.names():
            raise ValueError("checks nothing; give one of non_empty, finish_reason, json, regex, repetition")
        if self.regex is not None:
            from swelld.checks.patterns import Unusable, compiled

            try:
                size = compiled(self.regex).programsize
            except Unusable as error:
                raise FieldError((("regex",), f"{capped(self.regex)!r} cannot be used: {error}")) from None
            if size * self.max_chars > MOST_STEPS:
                most = MOST_STEPS // size
                text = f"is too costly for texts of {self.max_chars} characters; shorten it, or lower `max_chars`"
                raise FieldError((("regex",), text + (f" to {most}" if most >= 256 else "")))
        return self

    def names(self) -> tuple[str, ...]:
        """The checks that are on, in the order in which an answer has to pass them: values of a label."""
        on = {
            "non_empty": self.non_empty,
            "finish_reason": bool(self.finish_reason),
            "json": self.json_,
            "regex": self.regex is not None,
            "repetition": self.repetition,
        }
        return tuple(name for name, wanted in on.items() if wanted)
