"""Locust's fast user in a closed loop; the stream is read in the usual way, JSON for each event."""

import json
import os
import time
from functools import partial
from pathlib import Path

import gevent
from locust import FastHttpUser, constant, events, task
from locust.exception import StopUser

BODY = Path(os.environ["BODY"]).read_bytes()
LIMIT = int(os.environ["REQUESTS"])
ttft: list[float] = []
itl: list[float] = []
begun = 0


class Stream(FastHttpUser):
    """One stream after another."""

    wait_time = constant(0)
    network_timeout = 600.0
    connection_timeout = 60.0

    @task
    def chat(self) -> None:
        """One exchange."""
        global begun  # noqa: PLW0603 - Locust gives users no other place to share
        if LIMIT and begun >= LIMIT:
            raise StopUser
        begun += 1
        last = None
        sent = time.perf_counter()
        with self.client.post(
            "/v1/chat/completions", data=BODY, headers={"Content-Type": "application/json"}, stream=True
        ) as answer:
            response = answer._response  # noqa: SLF001 - its own iter_content waits for a number of bytes, not an event
            for event in iter(partial(response.readline, b"\n\n"), b""):
                if not has_token(event):
                    continue
                moment = time.perf_counter()
                if last is None:
                    ttft.append(moment - sent)
                else:
                    itl.append(moment - last)
                last = moment
        if LIMIT and len(ttft) == LIMIT:
            gevent.spawn(self.environment.runner.quit)


def has_token(event: bytes) -> bool:
    """Whether an event carries a token."""
    if not event.startswith(b"data: {"):
        return False
    return any(choice["delta"].get("content") for choice in json.loads(event[6:])["choices"])


@events.quitting.add_listener
def report(**_: object) -> None:
    """One JSON line at the end."""

    page = {"requests": len(ttft), "ttft": statistics(ttft), "itl": statistics(itl)}
    Path(os.environ["REPORT"]).write_text(json.dumps(page))


def statistics(values: list[float]) -> dict[str, float]:
    """Count, p50 and p99."""
    if not values:
        return {"count": 0}
    values.sort()
    return {"count": len(values), "p50": values[len(values) // 2], "p99": values[len(values) * 99 // 100]}
