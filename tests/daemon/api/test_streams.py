"""Live progress: every watcher sees the same events and the end, however it comes, goes and reads."""

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest

from fake_control import DONE, LIVE, FakeControl, progress
from swelld.api.feed import Event, Feed, Feeds
from swelld.api.server import Server

END = 2**53 - 1


async def events(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    """All of them, until the stream ends."""
    found = []
    for block in (await response.text()).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append({**fields, "data": msgspec.json.decode(fields["data"])})
    return found


async def advance(control: FakeControl, steps: int = 3) -> None:
    """Some progress, then the end."""
    for step in range(1, steps + 1):
        control.live[LIVE] = progress(elapsed=float(step), done=10 * step)
        await asyncio.sleep(0.1)
    del control.live[LIVE]
    control.known[LIVE] = msgspec.structs.replace(control.known[LIVE], state="completed", finished=1763193700.0)


async def test_events_follow_a_run_to_its_end(session: aiohttp.ClientSession, control: FakeControl) -> None:
    async with session.get(f"/api/v1/runs/{LIVE}/events") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        going = asyncio.create_task(advance(control))
        found = await events(response)
        await going
    assert {event["event"] for event in found[:-1]} == {"progress"}
    ids = [int(event["id"]) for event in found]
    assert ids == sorted(set(ids))
    assert {10, 20, 30} <= {event["data"]["done"] for event in found[:-1]}
    assert (found[-1]["event"], found[-1]["data"]["id"], found[-1]["data"]["state"]) == ("end", LIVE, "completed")
    assert ids[-1] == END


async def test_a_stream_of_a_finished_run_is_its_end(session: aiohttp.ClientSession) -> None:
    async with session.get(f"/api/v1/runs/{DONE}/events") as response:
        (end,) = await events(response)
    assert (end["event"], end["data"]["id"]) == ("end", DONE)


async def test_who_has_seen_the_end_is_sent_away(session: aiohttp.ClientSession) -> None:
    async with session.get(f"/api/v1/runs/{DONE}/events", headers={"Last-Event-ID": str(END)}) as response:
        assert (response.status, await response.read()) == (204, b"")


async def test_events_of_no_run(session: aiohttp.ClientSession) -> None:
    async with session.get("/api/v1/runs/unknown/events") as response:
        assert response.status == 404


async def test_a_quiet_stream_shows_that_it_is_alive(serving: Any) -> None:
    async with (
        serving(interval=60, heartbeat=0.05) as server,
        aiohttp.ClientSession(server.url) as session,
        session.get(f"/api/v1/runs/{LIVE}/events") as response,
        asyncio.timeout(10),
    ):
        async for line in response.content:
            if line == b": still here\n":
                break
    assert line == b": still here\n"


async def test_a_socket_gives_the_same(session: aiohttp.ClientSession, control: FakeControl) -> None:
    async with session.ws_connect(f"/api/v1/runs/{LIVE}/live", protocols=["swelld.v1"]) as socket:
        assert socket.protocol == "swelld.v1"
        await socket.send_str("whatever a watcher says is ignored")
        going = asyncio.create_task(advance(control))
        found = [msgspec.json.decode(message.data) async for message in socket]
        await going
    assert {event["event"] for event in found[:-1]} == {"progress"}
    assert (found[-1]["event"], found[-1]["id"], found[-1]["data"]["state"]) == ("end", END, "completed")


async def test_a_socket_without_an_upgrade(session: aiohttp.ClientSession) -> None:
    async with session.get(f"/api/v1/runs/{LIVE}/live") as response:
        assert response.status == 426
        assert "/events gives the same" in (await response.json())["detail"]


async def test_streams_end_with_the_server(serving: Any) -> None:
    async with aiohttp.ClientSession() as session:
        async with serving(interval=60, heartbeat=60) as server:
            response = await session.get(f"{server.url}/api/v1/runs/{LIVE}/events")
            reading = asyncio.create_task(events(response))
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert [event["event"] for event in await reading] == ["progress"]


async def collect(feed: Feed, after: int | None, count: int) -> list[Event]:
    found = []
    async for event in feed.follow(after, 5.0):
        assert event is not None
        found.append(event)
        if len(found) == count:
            break
    return found


async def test_a_watcher_that_comes_back_gets_what_it_missed(control: FakeControl) -> None:
    feeds = Feeds(control, interval=0.01)
    with feeds.watching(LIVE) as feed:
        first = await collect(feed, None, 5)
        assert await collect(feed, first[1].id, 3) == first[2:]
        with feeds.watching(LIVE) as same:
            assert same is feed
    control.live[LIVE] = progress(elapsed=9.0)
    with feeds.watching(LIVE) as other:
        assert other is not feed
        (event,) = await collect(other, first[-1].id, 1)
        assert event.id == 9000


async def test_a_slow_watcher_misses_progress_but_not_the_end(control: FakeControl) -> None:
    feeds = Feeds(control, interval=0.0)
    with feeds.watching(LIVE) as feed:
        following = feed.follow(None, 5.0)
        first = await anext(following)
        assert first is not None
        async with asyncio.timeout(10):
            while feed._ring[0].id <= first.id:  # noqa: ASYNC110 - the ring tells nobody that it is full
                await asyncio.sleep(0.01)
        del control.live[LIVE]
        rest = [event async for event in following]
    assert len(rest) <= 121  # one more look may have been under way
    assert rest[-1] is not None
    assert rest[-1].kind == "end"


@pytest.mark.parametrize("gone", ["deleted", "failing"])
async def test_a_feed_ends_whatever_happens(control: FakeControl, gone: str) -> None:
    if gone == "failing":
        with Feeds(control).watching("broken") as feed:
            assert [event async for event in feed.follow(None, 5.0)] == []
    else:
        with Feeds(control).watching("never-there") as feed:
            assert [event async for event in feed.follow(None, 5.0)] == []


async def test_a_server_gives_its_seats_back(server: Server, session: aiohttp.ClientSession) -> None:
    for _ in range(20):  # more than one caller's quarter of 64
        async with session.get(f"/api/v1/runs/{DONE}/events") as response:
            assert response.status == 200
            await response.read()
