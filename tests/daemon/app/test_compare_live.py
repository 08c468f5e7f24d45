"""Real runs against a simulator, one of them slower, compared by what they left on disk."""

import json
from pathlib import Path

from command import swelld
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated

RUN = (
    "--model",
    "sim",
    "--qps",
    "25",
    "--duration",
    "4",
    "--input-len",
    "16",
    "--output-len",
    "8",
    "--shards",
    "inline",
)


def test_a_slower_server_is_found(tmp_path: Path) -> None:
    """20 ms of jitter beside 50 ms more: nothing that a busy machine does to both looks like that."""
    for name, ttft in (("old", 0.05), ("new", 0.1)):
        with simulated(SimOptions(ttft=ttft, itl=0.002, jitter=0.02)) as url:
            done = swelld("run", "--server", url, *RUN, "--output", f"{name}.json", "--no-save", cwd=tmp_path)
            assert done.code == 0, done.err
    done = swelld("compare", "old.json", "new.json", "--json", "--fail-if", "ttft.p50 > +30%", cwd=tmp_path)
    found = json.loads(done.out)
    changes = {one["figure"]: one for one in found["rows"][0]["changes"]}
    assert changes["ttft.p50"]["direction"] == "worse"
    assert 0.3 < changes["ttft.p50"]["low"] < changes["ttft.p50"]["change"] < changes["ttft.p50"]["high"] < 2.0
    assert changes["error_rate"]["value"] == 0.0
    assert changes["request_rate"]["low"] < 0 < changes["request_rate"]["high"]
    valid = found["rows"][0]["valid"]  # on a machine that is too busy to measure nothing fails
    assert (done.code, found["outcome"]) == ((1, "FAIL") if valid else (0, "UNCLEAR"))
