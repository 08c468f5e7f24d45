"""What must not be shown: secrets by the name that they go under."""

import re
from typing import Any, Final

from swelld.config import REDACTED

_HEADER: Final = re.compile(r"auth|key|token|secret|cookie|password|credential", re.IGNORECASE)
_KEY: Final = re.compile(
    r"(^|[-_])(authorization|api[-_]?key|secret|password|passwd|cookie|token|credentials?)$", re.IGNORECASE
)
_USER: Final = re.compile(r"//[^/@\s]*@")
_QUERY: Final = re.compile(r"([?&][^=&\s]*(?:key|token|secret|sig|password|auth)[^=&\s]*=)[^&#\s]*", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A text in which URLs lost their user, their password and the parts of the query that are named like a secret."""
    return _QUERY.sub(rf"\1{REDACTED}", _USER.sub(f"//{REDACTED}@", text))


def hidden_headers(headers: dict[str, str]) -> dict[str, str]:
    """Headers without the values that are named like a secret."""
    return {name: REDACTED if _HEADER.search(name) else value for name, value in headers.items()}


def hidden(data: Any) -> Any:
    """Any data without the values that are named like a secret."""
    if isinstance(data, dict):
        return {key: REDACTED if _KEY.search(str(key)) else hidden(value) for key, value in data.items()}
    return [hidden(value) for value in data] if isinstance(data, list) else data
