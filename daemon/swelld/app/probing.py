"""The exchanges of one probe, in the hub's own event loop; nothing of them stays."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

from swelld.clock import now
from swelld.engine.addresses import Addresses
from swelld.engine.client import Client, Ticket
from swelld.engine.pool import Pool
from swelld.measurement import ErrorType, Measurement, Outcome
from swelld.prompt import Message, Prompt
from swelld.settings.probe import Module


class Course(NamedTuple):
    """How a probe went, beside its measurements."""

    in_time: bool
    """False if its time was over before it was."""
    lookup: float | None
    """Seconds that the look-up of the addresses took; None if there is none."""
    certificate_expiry: float | None
    """Of the server, Unix seconds; None if it is not known."""


async def conducted(client: Client, module: Module, measurements: Sequence[Measurement], limit: float) -> Course:
    """All exchanges of a module one after the other, up to the first that fails, within so many seconds.

    The client is closed; its measurements come in where `measurements` looks.
    """
    lookup = expiry = None
    in_time = True
    try:
        async with asyncio.timeout(limit):
            lookup = await _looked_up(client.pool.addresses)
            await _exchanges(client, module, measurements)
    except TimeoutError:
        in_time = False
    finally:
        expiry = certificate_expiry(client.pool)
        await client.pool.aclose()
    return Course(in_time, lookup, expiry)


def unresolved(host: str) -> Measurement:
    """The exchange with a host that has no address."""
    return Measurement(
        stage=0,
        target=0,
        index=0,
        warmup=False,
        outcome=Outcome.UNREACHABLE,
        error_type=ErrorType.DNS,
        detail=f"{host} has no address",
        end=now(),
    )


def good(measurement: Measurement) -> bool:
    """Whether an exchange is what was expected."""
    return measurement.outcome is Outcome.OK and measurement.failed_check is None


async def _looked_up(addresses: Addresses) -> float | None:
    if addresses.socket_path is not None:
        return None
    start = now()
    await addresses.look_up()
    return now() - start


async def _exchanges(client: Client, module: Module, measurements: Sequence[Measurement]) -> None:
    prompt = Prompt(name="probe", messages=(Message("user", module.prompt),), max_tokens=module.max_tokens)
    for index in range(module.exchanges):
        await client.exchange(client.prepare(prompt), Ticket(stage=0, index=index, warmup=False))
        if not good(measurements[-1]):
            return


def certificate_expiry(pool: Pool) -> float | None:
    """When the certificate expires that the server showed; the connection must be free again."""
    connection = pool.idle() if pool.addresses.secure else None
    if connection is None:
        return None
    certificate: dict[str, Any] = connection.transport.get_extra_info("peercert") or {}
    return float(ssl.cert_time_to_seconds(certificate["notAfter"])) if "notAfter" in certificate else None
