"""Whether the process that began a run is still there."""

import subprocess
import sys

from swelld.store.life import is_gone, this_life

SAY = "from swelld.store.life import this_life; print(this_life(), flush=True); input()"


def test_this_process_is_there_and_always_the_same() -> None:
    assert is_gone(this_life()) is False
    assert this_life() == this_life()


def test_another_process_is_there_until_it_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        life = child.stdout.readline().strip()
        assert life != this_life()
        assert is_gone(life) is False
        child.kill()
    assert is_gone(life) is True


def test_a_number_that_another_process_has_now_does_not_deceive() -> None:
    place, pid, started = this_life().rsplit("/", 2)
    assert is_gone(f"{place}/{pid}/{int(started) - 1}") is True


def test_nothing_is_known_of_other_machines() -> None:
    _, pid, started = this_life().rsplit("/", 2)
    assert is_gone(f"elsewhere.1/{pid}/{started}") is None
    assert is_gone("nonsense") is None
