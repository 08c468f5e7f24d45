"""Everything that is known of a run at one moment: what waits to be written, and what is written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from swelld.result import Result
from swelld.store.base import OVER, RunRow, StageDistributions, State
from swelld.store.blobs import copy, pack, unpack


@dataclass(frozen=True, slots=True)
class Record:
    """Complete in itself: writing the newest one makes all that were before it unnecessary."""

    row: RunRow
    state: State
    at: float
    """Unix seconds: when this was so; of a run that is over its end."""
    result: Result | None = None
    distributions: tuple[StageDistributions, ...] = ()
    reason: str | None = None
    """Why it failed."""

    @property
    def over(self) -> bool:
        """Whether nothing newer can come."""
        return self.state in OVER

    def follow(self, result: Result, distributions: Sequence[StageDistributions], state: State, at: float) -> "Record":
        """How the run stands later on."""
        return Record(self.row, state, at, result, tuple(snapshot(one) for one in distributions), result.run.reason)

    def fail(self, at: float, reason: str) -> "Record":
        """The end of a run that came to no result; it keeps what it has."""
        return replace(self, state="failed", at=at, reason=reason)


def snapshot(one: StageDistributions) -> StageDistributions:
    """As they are now: the originals may go on to grow."""
    return StageDistributions(one.stage, one.target, {name: copy(found) for name, found in one.by_name.items()})


class Packed(msgspec.Struct, frozen=True):
    """A record as a file holds it."""

    row: RunRow
    state: State
    at: float
    instance: str
    result: Result | None
    distributions: tuple[tuple[str, str, dict[str, bytes]], ...]
    reason: str | None = None


def to_bytes(record: Record, instance: str) -> bytes:
    """For a file; `instance` is who carried the run out."""
    packed = tuple(
        (one.stage, one.target, {n: pack(d) for n, d in one.by_name.items()}) for one in record.distributions
    )
    return msgspec.msgpack.encode(
        Packed(record.row, record.state, record.at, instance, record.result, packed, record.reason)
    )


def from_bytes(content: bytes) -> tuple[Record, str]:
    """The record and its instance again; ValueError (also msgspec's) or StoreError for anything else."""
    packed = msgspec.msgpack.decode(content, type=Packed)
    found = tuple(
        StageDistributions(stage, target, {name: unpack(blob) for name, blob in by_name.items()})
        for stage, target, by_name in packed.distributions
    )
    return Record(packed.row, packed.state, packed.at, packed.result, found, packed.reason), packed.instance
