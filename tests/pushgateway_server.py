"""A real Pushgateway for tests: Debian's package, on a free port of loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import listening_server

USER, PASSWORD = "batch", "open sesame"
_HASH = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
"""bcrypt of the password."""


def program() -> str:
    """Its path; skips where it is not installed, except in continuous integration."""
    return listening_server.program("prometheus-pushgateway", "pushgateway", package="prometheus-pushgateway")


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
    options = ("--web.listen-address=127.0.0.1:0", "--persistence.file=", f"--web.config.file={config}")
    async with listening_server.listening(program(), *options, said=rb"\baddress=(127\.0\.0\.1:[1-9]\d*)") as address:
        yield f"http{'s' if tls else ''}://{address}"
