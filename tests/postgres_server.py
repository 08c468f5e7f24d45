"""A real PostgreSQL with a cluster of its own, as long as tests need it."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

START_SECONDS = 60.0


def _binaries() -> Path:
    """Where its programs are; without them the test is skipped, except in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    if found:
        return found[-1].parent
    if os.environ.get("CI") == "true":
        pytest.fail("PostgreSQL is missing: apt-get install postgresql")
    pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")


def _identity() -> dict[str, Any]:
    """PostgreSQL does not run as root: then it runs as its own user."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("as root the tests of PostgreSQL need a user named postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass
class Postgres:
    """A server that listens on a Unix socket only."""

    binaries: Path
    folder: Path
    identity: dict[str, Any]
    _process: "subprocess.Popen[bytes] | None" = None
    _names: "count[int]" = field(default_factory=count)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test{next(self._names)}"
        self.run("createdb", "-h", str(self.folder), "-U", "swelld", name)
        return f"postgresql://swelld@/{name}?host={quote(str(self.folder), safe='')}"

    def query(self, url: str, statement: str) -> list[list[str]]:
        """What `psql` answers, as rows of text."""
        name = url.partition("@/")[2].partition("?")[0]
        at = ("-h", str(self.folder), "-U", "swelld", "-d", name)
        said = self.run("psql", *at, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return [line.split("|") for line in said.splitlines()]

    def run(self, program: str, *arguments: str) -> str:
        """One of its programs, to its end."""
        command = [str(self.binaries / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self.identity)
        assert done.returncode == 0, f"{program}: {done.stderr}"
        said: str = done.stdout
        return said

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        options = {
            "unix_socket_directories": str(self.folder),
            "listen_addresses": "",
            "fsync": "off",
            "max_connections": "50",
            "shared_buffers": "16MB",
            "lock_timeout": "5s",
        }
        flags = [text for name, value in options.items() for text in ("-c", f"{name}={value}")]
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), *flags]
        with log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **self.identity
            )
        deadline = time.monotonic() + START_SECONDS
        ready = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.folder)]
        while subprocess.run(ready, check=False, **self.identity, cwd=self.folder).returncode:
            said = (self.folder / "log").read_text(errors="replace")
            assert self._process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, cutting every connection off; what was committed stays."""
        if self._process is not None:
            self._process.send_signal(2)  # SIGINT: a fast shutdown
            self._process.wait(START_SECONDS)
            self._process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new cluster, removed in the end."""
    binaries, identity = _binaries(), _identity()
    folder = Path(tempfile.mkdtemp(prefix="swelld-pg-"))  # short: the path of a socket has 107 bytes
    try:
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        server = Postgres(binaries, folder, identity)
        server.run(
            "initdb", "-D", str(folder / "data"), "-U", "swelld", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One for all tests of a session; each makes a database of its own. A test that stops it starts it again."""
    with postgres() as server:
        yield server
