"""Requests as they are written into files, and read back."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measurements import measured
from swelld.clock import WallClock
from swelld.measurement import Measurement, Outcome, TokenSource
from swelld_exporters.files import RequestsFile

ORIGIN = 1000.0
WALL = WallClock(monotonic=1000.0, unix=1_763_115_630.0)  # 2025-11-14T10:20:30Z


ANSWERED = measured(
    stage=1,
    index=4,
    status=200,
    due=1001.0,
    sent=1001.5,
    connect=0.0004321,
    first_byte=1001.75,
    tokens_at=(1002.0, 1002.25, 1003.0),
    first_answer=1002.25,
    end=1003.5,
    input_tokens=256,
    output_tokens=5,
    token_source=TokenSource.SERVER,
    finish_reason="stop",
    prompt="synthetic-4",
    category="short",
)
DROPPED = measured(Outcome.DROPPED, target=1, due=1002.0)


def written(path: Path, batches: Sequence[Sequence[Measurement]], **options: Any) -> list[dict[str, Any]]:
    with RequestsFile(
        path,
        stages=["concurrency=1", "concurrency=10"],
        targets=[("local", "tiny"), ("other", "big")],
        origin=ORIGIN,
        wall=WALL,
        **options,
    ) as file:
        for batch in batches:
            file.write(batch)
    return [json.loads(line) for line in path.read_text().splitlines()]
