"""The end of the process itself."""

from pathlib import Path

from command import started
from daemon_process import listening, stop


def test_a_daemon_ends_well_where_memory_is_looked_after(tmp_path: Path) -> None:
    """An extension that frees twice what its types hold, as they are collected at the very end, would be found out."""
    (tmp_path / "swelld.yaml").write_text(
        "targets: {here: {url: 'http://127.0.0.1:1', model: m}}\n"
        "scenarios: {nightly: {load: 1/s, duration: 1s, schedule: manual}}\n"
        "web: {listen: '127.0.0.1:0'}\n"
    )
    with started("daemon", "swelld.yaml", cwd=tmp_path, env={"PYTHONMALLOC": "debug"}) as process:
        listening(process)
        stop(process)
    assert process.returncode == 0
