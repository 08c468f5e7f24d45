"""Turns of a conversation, in the forms that files of conversations have."""

from typing import Any, Final

import msgspec

from swelld.prompt import Message

_ROLES: Final = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "bing": "assistant",
    "bard": "assistant",
}


def turns(value: Any, field: str) -> list[Message]:
    """Messages from a list of `{role, content}` or `{from, value}`, from the JSON text of one, or from nothing."""
    if isinstance(value, str) and value.strip():
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise ValueError(f"`{field}` is text, but not the JSON of a list of turns: {error}") from None
    if not value:
        return []
    if not isinstance(value, list):
        raise ValueError(f"`{field}` is no list of turns")
    return [_turn(turn, f"turn {number} of `{field}`") for number, turn in enumerate(value, 1)]


def _turn(turn: Any, place: str) -> Message:
    if not isinstance(turn, dict):
        raise ValueError(f"{place} is no object with `role` and `content`")
    role = turn.get("role", turn.get("from"))
    if not isinstance(role, str) or role.lower() not in _ROLES:
        raise ValueError(f"{place} has the role {role!r}; known are {', '.join(_ROLES)}")
    return Message(_ROLES[role.lower()], _content(turn.get("content", turn.get("value")), place))


def _content(content: Any, place: str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
        if len(texts) == len(content):
            return "".join(texts)
    raise ValueError(f"the content of {place} is not text")
