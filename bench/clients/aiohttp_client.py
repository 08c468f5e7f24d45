"""What most load generators do: aiohttp, `iter_any`, JSON for each event. PORT STREAMS SECONDS REQUESTS BODY_FILE."""

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp
import numpy as np


class Run:
    """A closed loop of streams against one server."""

    def __init__(self, port: str, seconds: float, limit: int, body: bytes) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/chat/completions"
        self._end = time.perf_counter() + seconds
        self._left = limit or sys.maxsize
        self._body = body
        self.ttft: list[float] = []
        self.itl: list[float] = []

    async def user(self, session: aiohttp.ClientSession) -> None:
        """One stream after another until the end."""
        while self._left and time.perf_counter() < self._end:
            self._left -= 1
            await self._exchange(session)

    async def _exchange(self, session: aiohttp.ClientSession) -> None:
        last = None
        rest = b""
        sent = time.perf_counter()
        async with session.post(self._url, data=self._body, headers={"Content-Type": "application/json"}) as response:
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    if not _has_token(event):
                        continue
                    moment = time.perf_counter()
                    if last is None:
                        self.ttft.append(moment - sent)
                    else:
                        self.itl.append(moment - last)
                    last = moment


def _has_token(event: bytes) -> bool:
    data = event.removeprefix(b"data: ")
    if data == b"[DONE]":
        return False
    return any(choice["delta"].get("content") for choice in json.loads(data)["choices"])


def _statistics(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    p50, p99 = np.quantile(values, [0.5, 0.99])
    return {"count": len(values), "p50": float(p50), "p99": float(p99)}


async def main(port: str, streams: str, seconds: str, limit: str, *, body: bytes) -> None:
    """Run and print one JSON line."""
    run = Run(port, float(seconds), int(limit), body)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout()
    ) as session:
        await asyncio.gather(*(run.user(session) for _ in range(int(streams))))
    print(json.dumps({"requests": len(run.ttft), "ttft": _statistics(run.ttft), "itl": _statistics(run.itl)}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5], body=Path(sys.argv[5]).read_bytes()))
