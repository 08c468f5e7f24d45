"""The blocks of a KV cache: private ones, shared prompt prefixes, and finished prefixes kept until room is needed."""

from collections import OrderedDict
from collections.abc import Sequence as Series
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Holding:
    """What one sequence holds."""

    shared: list[int] = field(default_factory=list)
    """Hashes of the prompt prefix it shares, in order."""
    private: int = 0

    @property
    def blocks(self) -> int:
        """All of them."""
        return len(self.shared) + self.private


class BlockPool:
    """A fixed number of blocks; a prefix is found again by the chain of hashes of its blocks."""

    def __init__(self, blocks: int, keep_prefixes: bool = True) -> None:
        self.blocks = blocks
        self._keep = keep_prefixes
        self._private = 0
        self._users: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # kept prefixes without a user, oldest first

    @property
    def used(self) -> int:
        """Blocks held by sequences; kept prefixes that nobody uses can be given away and do not count."""
        return self._private + len(self._users)

    def claim(self, hashes: Series[int]) -> Holding:
        """The longest prefix that is here."""
        holding = Holding()
        for one in hashes:
            if one not in self._users and one not in self._idle:
                break
            self._idle.pop(one, None)
            self._users[one] = self._users.get(one, 0) + 1
            holding.shared.append(one)
        return holding

    def grow(self, holding: Holding, blocks: int) -> bool:
        """Let it hold so many in all, if there is room; False, and nothing changed, if not."""
        more = blocks - holding.blocks
        if more <= 0:
            return True
        if more > self.blocks - self.used:
            return False
        while more > self.blocks - self.used - len(self._idle):
            self._idle.popitem(last=False)
        holding.private += more
        self._private += more
        return True

    def publish(self, holding: Holding, hashes: Series[int]) -> None:
        """Its first blocks are computed: others with the same prefix may share them."""
        if not self._keep:
            return
        for one in hashes[len(holding.shared) :]:
            if one in self._users or one in self._idle:
                return  # computed twice at the same time: this copy stays private, and so do those behind it
            self._users[one] = 1
            holding.shared.append(one)
            holding.private -= 1
            self._private -= 1

    def release(self, holding: Holding) -> None:
        """Take everything back; prefixes stay until their room is needed, the end of a prefix going first."""
        for one in reversed(holding.shared):
            self._users[one] -= 1
            if not self._users[one]:
                del self._users[one]
                self._idle[one] = None
        self._private -= holding.private
        holding.shared.clear()
        holding.private = 0
