"""`metadata.json`: where, how and with what a run was made."""

import hashlib
import os
import platform
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from swelld import __version__

MASK: Final = "***"

_SECRET_FLAG: Final = re.compile(r"--?(?:[\w-]*[-_])?(?:key|secret|password|token|authorization|headers?)|-H", re.I)
_SECRET_WORD: Final = re.compile(
    r"((?:[\w-]*[-_])?(?:key|secret|password|token|authorization)[\"']?\s*[=:]\s*)(?:bearer\s+)?[^\s,;&}]+", re.I
)
_URL_USER: Final = re.compile(r"(://)[^/@\s]+@")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the figures; `finished` is null while the run goes on, and stays so if it was killed."""

    schema: Literal["swelld.metadata/1"] = "swelld.metadata/1"
    run_id: str
    started: str
    """ISO 8601 with UTC offset."""
    finished: str | None = None
    host: str
    platform: str
    cpu_count: int | None
    """CPUs that this process may use."""
    python: str
    swelld_version: str
    command: list[str]
    """The command line, secrets masked."""
    config: dict[str, Any]
    """The configuration as used, secrets redacted."""
    config_hash: str
    """SHA-256 of the configuration with its keys sorted: the same for the same configuration."""


def describe(
    *,
    run_id: str,
    started: str,
    command: Sequence[str],
    config: Mapping[str, Any],
    finished: str | None = None,
    secrets: Iterable[str] = (),
) -> Metadata:
    """The metadata of a run on this machine; `config` must be redacted already."""
    return Metadata(
        run_id=run_id,
        started=started,
        finished=finished,
        host=socket.gethostname(),
        platform=platform.platform(),
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        python=platform.python_version(),
        swelld_version=__version__,
        command=redact_command(command, secrets),
        config=dict(config),
        config_hash=config_hash(config),
    )


def config_hash(config: Mapping[str, Any]) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def redact_command(command: Sequence[str], secrets: Iterable[str] = ()) -> list[str]:
    """The command line without the values of flags and words that name a secret, and without the secrets given."""
    redacted: list[str] = []
    known = [secret for secret in secrets if secret]
    masked_next = False
    for argument in command:
        if masked_next:
            redacted.append(MASK)
            masked_next = False
            continue
        flag, equals, _ = argument.partition("=")
        secret_flag = _SECRET_FLAG.fullmatch(flag) is not None
        masked_next = secret_flag and not equals
        redacted.append(f"{flag}={MASK}" if secret_flag and equals else _redact_words(argument, known))
    return redacted


def _redact_words(argument: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        argument = argument.replace(secret, MASK)
    return _URL_USER.sub(rf"\g<1>{MASK}@", _SECRET_WORD.sub(rf"\g<1>{MASK}", argument))
