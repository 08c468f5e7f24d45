"""Patterns that are searched for in time proportional to the text, whatever they are: RE2, not `re`."""

from functools import cache
from typing import Any, Final

_MEMORY: Final = 2**20


class Unusable(Exception):
    """RE2 cannot search for this; the message says why."""


@cache
def compiled(pattern: str) -> Any:
    """The pattern with its `search` and `programsize`; Unusable if there is something wrong with it."""
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args else "RE2 does not say why"
        raise Unusable(reason) from None
    except UnicodeEncodeError:
        raise Unusable("it holds half of a surrogate pair") from None


def found(pattern: str, text: str) -> bool:
    """Whether the pattern is anywhere in the text."""
    return compiled(pattern).search(text.encode("utf-8", "replace").decode()) is not None
