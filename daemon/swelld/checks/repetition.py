"""Whether an answer ends in a loop: the way in which a language model breaks down without any error."""

from typing import Final

LONGEST_UNIT: Final = 400
"""Characters of the longest piece that is looked for."""
REPEATS: Final = 5
"""How often in a row a piece has to come."""
LEAST: Final = 200
"""Characters that the repeats make up together: `ha ha ha` is no loop yet."""
_ANCHOR: Final = 16
"""What the text ends in, looked for further up: the distance is a candidate for the length of the piece."""


def loops(text: str) -> bool:
    """True if the text ends in one piece of up to `LONGEST_UNIT` characters over and over, be the last one cut:
    `REPEATS` times in a row or more, making up `LEAST` characters or more.

    Only exact repeats count: numbering that goes on (`1. yes 2. yes`) is none.
    """
    tail = text[-(LONGEST_UNIT * REPEATS) :]
    size = len(tail)
    if size < LEAST:
        return False
    anchor = tail[-_ANCHOR:]
    place = tail.rfind(anchor, 0, size - 1)
    while place >= 0 and (unit := size - _ANCHOR - place) <= LONGEST_UNIT:
        length = max(LEAST, unit * REPEATS)
        if length <= size and tail.endswith(tail[size - length : size - unit]):
            return True
        place = tail.rfind(anchor, 0, place + _ANCHOR - 1)
    return False
