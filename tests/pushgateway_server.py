"""A real Pushgateway for tests: Debian's package, on a free port of loopback."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

DEADLINE = 60.0
USER, PASSWORD = "batch", "open sesame"
_HASH = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
"""bcrypt of the password."""


def program() -> str:
    """Its path; skips where it is not installed, except in continuous integration."""
    if found := shutil.which("prometheus-pushgateway") or shutil.which("pushgateway"):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("the Pushgateway is missing: apt-get install prometheus-pushgateway")
    pytest.skip("the Pushgateway is not installed (Debian: apt-get install prometheus-pushgateway)")


@asynccontextmanager
async def pushgateway(
    folder: Path, *, guarded: bool = False, tls: tuple[Path, Path] | None = None
) -> AsyncIterator[str]:
    """Its URL; `guarded` asks for user and password, `tls` is a certificate and its key."""
    config = folder / "gateway.yml"
    lines = [f"basic_auth_users: {{{USER}: '{_HASH}'}}"] if guarded else []
    if tls:
        lines.append(f"tls_server_config: {{cert_file: {tls[0]}, key_file: {tls[1]}}}")
    config.write_text("\n".join(lines) + "\n")
    process = await asyncio.create_subprocess_exec(
        program(),
        "--web.listen-address=127.0.0.1:0",
        "--persistence.file=",
        f"--web.config.file={config}",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    try:
        said = b""
        async with asyncio.timeout(DEADLINE):
            while not (found := re.search(rb"\baddress=(127\.0\.0\.1:[1-9]\d*)", said)):
                line = await process.stderr.readline()
                assert line, f"the Pushgateway ended: {said.decode()}"
                said += line
        reading = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
        try:
            yield f"http{'s' if tls else ''}://{found[1].decode()}"
        finally:
            process.kill()
            await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
