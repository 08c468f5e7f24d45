"""Names of files made from names of things."""

import re


def file_name(*parts: str) -> str:
    """Letters, digits, `.`, `_` and `-` of all parts that are not empty, joined by `-`; never a path."""
    words = [re.sub(r"[^A-Za-z0-9._-]+", "-", part).strip("-.") for part in parts]
    return "-".join(word for word in words if word)[:120]
