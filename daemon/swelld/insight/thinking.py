"""Takes the reasoning out of an answer, however the server left it in the text."""

import re
from typing import Final

_NAMES: Final = "think|thinking|thought|reasoning"
_TAG: Final = re.compile(rf"<(?P<close>/?)(?:{_NAMES})>|\[(?P<close2>/?)THINK\]", re.IGNORECASE)
_LONGEST: Final = len("</reasoning>")


class Spoken:
    """Hands on what is answer for certain; feed it pieces of text in any split, then close it.

    An answer may end its reasoning without having begun it: some chat templates write `<think>` into the prompt. So
    text is held until it is sure that no such end can follow: it begins with a heading, or its reasoning was found.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._held = ""
        self._thinking = False
        self._sure = False

    def sure(self) -> None:
        """The server itself keeps reasoning and answer apart."""
        self._sure = True

    def feed(self, text: str) -> str:
        """The answer that has become certain."""
        self._rest += text
        while match := _TAG.search(self._rest):
            before, self._rest = self._rest[: match.start()], self._rest[match.end() :]
            if not self._thinking:
                self._held += before
            ends = bool(match["close"] or match["close2"])
            if ends and not self._thinking:
                self._held = ""  # all of it was reasoning
            self._thinking = not ends
            self._sure = self._sure or ends
        tail = self._tail()
        if not self._thinking:
            self._held += self._rest[: len(self._rest) - tail]
        self._rest = self._rest[len(self._rest) - tail :]
        return self._release()

    def close(self, *, whole: bool = True) -> str:
        """What is left at the end; reasoning that never ended is not in it, nor, of an answer that is not whole, what
        may have been some."""
        text = self._held + ("" if self._thinking else self._rest)
        self._held = self._rest = ""
        return text if whole or self._sure else ""

    def _release(self) -> str:
        if not self._sure and not self._held.lstrip().startswith("#"):
            return ""
        text, self._held = self._held, ""
        self._sure = self._sure or bool(text.strip())
        return text

    def _tail(self) -> int:
        """Length of an end that may be the beginning of a tag."""
        start = max(self._rest.rfind("<"), self._rest.rfind("["))
        length = len(self._rest) - start
        return length if start >= 0 and length < _LONGEST else 0
