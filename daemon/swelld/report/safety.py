"""Text from elsewhere, such as error messages and names of models, made harmless for where it goes."""

import re
from typing import Any

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_MARKS = str.maketrans({char: f"&#{ord(char)};" for char in "&<>|`*[]@#~\\$"})
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def cell(value: Any) -> Any:
    """A CSV cell: text that a spreadsheet would take for a formula gets an apostrophe before it; booleans are small."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def markdown(text: str) -> str:
    """On one line, and nothing in it is markup, a link, a mention of somebody or the end of a table's cell."""
    plain = one_line(text).translate(_MARKS)
    return _EDGE_UNDERSCORE.sub("&#95;", plain)


def one_line(text: str) -> str:
    """Without line ends and control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())
