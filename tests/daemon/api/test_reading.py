"""What can be read: targets, scenarios, runs, exports, comparisons."""

import csv
import io
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest

import fake_control
from fake_control import DONE, LIVE, OLDER, FakeControl
from swelld.api.server import Server
from swelld.result import Result


async def get(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(f"/api/v1/{path}") as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "application/json"
        assert response.headers["Cache-Control"] == "no-store"
        return await response.json()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("status/config", {"targets": {"a": {"api_key": "***"}}}),
        ("targets", {"targets": [{"name": "a", "config": {"url": "http://127.0.0.1:1"}}]}),
        ("targets/a", {"name": "a", "config": {"url": "http://127.0.0.1:1"}}),
        (
            "scenarios/nightly",
            {
                "name": "nightly",
                "state": "idle",
                "paused": False,
                "run_id": None,
                "next_run": None,
                "progress": None,
                "trouble": None,
                "config": {"load": {"rate": "10/s"}},
            },
        ),
    ],
)
async def test_documents(session: aiohttp.ClientSession, path: str, expected: dict[str, Any]) -> None:
    assert await get(session, path) == expected


async def test_status(session: aiohttp.ClientSession, control: FakeControl) -> None:
    control.complaints = ["a shard has stalled"]
    status = await get(session, "status")
    assert (status["ready"], status["complaints"], status["runs_under_way"]) == (True, ["a shard has stalled"], 1)
    assert (status["instance"], status["config_hash"], status["reloaded"]) == ("here", "ab12", None)


async def test_scenarios_show_their_run(session: aiohttp.ClientSession) -> None:
    canary, nightly = (await get(session, "scenarios"))["scenarios"]
    assert (canary["name"], canary["state"], canary["run_id"]) == ("canary", "running", LIVE)
    assert canary["progress"]["in_flight"] == 3
    assert (nightly["name"], nightly["state"], nightly["run_id"]) == ("nightly", "idle", None)


async def test_what_is_not_there_is_named_with_the_nearest(session: aiohttp.ClientSession) -> None:
    async with session.get("/api/v1/scenarios/nightli") as response:
        assert response.status == 404
        assert (await response.json())["detail"] == "there is no scenario 'nightli'; did you mean nightly?"
    async with session.get("/api/v1/targets/zzzzzz") as response:
        assert (await response.json())["detail"] == "there is no target 'zzzzzz'; known here: a"


async def test_pages_of_runs_follow_each_other(session: aiohttp.ClientSession) -> None:
    first = await get(session, "runs?limit=2")
    assert [run["id"] for run in first["runs"]] == [LIVE, DONE]
    assert first["count"] == 3
    second = await get(session, f"runs?limit=2&after={first['next']}")
    assert [run["id"] for run in second["runs"]] == [OLDER]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [LIVE, DONE, OLDER]),
        ("scenario=nightly", [DONE, OLDER]),
        ("state=running", [LIVE]),
        ("state=running&state=completed", [LIVE, DONE, OLDER]),
        ("label=branch", [OLDER]),
        ("label=branch=main", [OLDER]),
        ("label=branch=dev", []),
        ("since=2025-11-14T00:00:00Z", [LIVE, DONE]),
        ("since=1763193600", [LIVE]),
    ],
)
async def test_runs_are_filtered(session: aiohttp.ClientSession, query: str, expected: list[str]) -> None:
    assert [run["id"] for run in (await get(session, f"runs?{query}"))["runs"]] == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "Expected `int` >= 1 - at `$.limit`"),
        ("limit=501", "Expected `int` <= 500 - at `$.limit`"),
        ("limit=many", "Expected `int`, got `str` - at `$.limit`"),
        ("stat=running", "Object contains unknown field `stat`"),
        ("state=gone", "Invalid enum value 'gone' - at `$.state[0]`"),
        ("limit=1&limit=2", "limit is given twice; give it once"),
        ("since=yesterday", "since: is no moment; write 2026-11-14T10:20:30Z or Unix seconds"),
        ("since=2025-11-14T00:00:00", "since: is no moment; write 2026-11-14T10:20:30Z or Unix seconds"),
        ("after=nonsense", "after is no place in a list: give the `next` of the page before"),
    ],
)
async def test_a_wrong_query_says_what_is_wrong(session: aiohttp.ClientSession, query: str, said: str) -> None:
    async with session.get(f"/api/v1/runs?{query}") as response:
        assert response.status == 422
        problem = await response.json()
        assert said in (problem["detail"], *problem.get("errors", ()))


async def test_a_run_under_way_has_progress_and_one_that_is_over_a_result(session: aiohttp.ClientSession) -> None:
    live = await get(session, f"runs/{LIVE}")
    assert (live["run"]["state"], live["progress"]["done"], live["result"]) == ("running", 12, None)
    done = await get(session, f"runs/{DONE}")
    assert (done["run"]["state"], done["progress"], done["result"]["run"]["id"]) == ("completed", None, DONE)


async def test_a_result_is_exported_as_it_is_stored(session: aiohttp.ClientSession, control: FakeControl) -> None:
    async with session.get(f"/api/v1/runs/{DONE}/export") as response:
        assert response.headers["Content-Disposition"] == f'attachment; filename="{DONE}.json"'
        assert msgspec.json.decode(await response.read(), type=Result) == control.results[DONE]


async def test_a_result_is_exported_as_a_table(session: aiohttp.ClientSession, control: FakeControl) -> None:
    (stage,) = control.results[DONE].stages
    control.results[DONE] = msgspec.structs.replace(
        control.results[DONE], stages=[msgspec.structs.replace(stage, model="=cmd()", request_rate=None)]
    )
    async with session.get(f"/api/v1/runs/{DONE}/export?format=csv") as response:
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        (row,) = csv.DictReader(io.StringIO(await response.text()))
    assert (row["run"], row["target"], row["stage"], row["requests_ok"]) == (DONE, "local", "concurrency=10", "100")
    assert float(row["ttft_p50"]) == stage.ttft.p50
    assert row["request_rate"] == ""
    assert row["lag_p50"] == ""
    assert row["model"] == "'=cmd()"


async def test_a_result_is_exported_as_the_report(session: aiohttp.ClientSession) -> None:
    async with session.get(f"/api/v1/runs/{DONE}/export?format=text") as response:
        text = await response.text()
    assert "concurrency=10" in text
    assert "\x1b" not in text


async def test_there_is_no_result_before_the_end(session: aiohttp.ClientSession) -> None:
    async with session.get(f"/api/v1/runs/{LIVE}/export") as response:
        assert response.status == 409
        assert (await response.json())["detail"] == f"run {LIVE} has no result yet; wait for its end"


async def test_runs_are_compared(session: aiohttp.ClientSession) -> None:
    found = await get(session, f"runs/{DONE}/compare?base={OLDER}")
    assert ([series["run"] for series in found["series"]], found["outcome"]) == ([OLDER, DONE], "PASS")
    (stage,) = found["rows"]
    changes = {change.pop("figure"): change for change in stage["changes"]}
    assert [changes["request_rate"][name] for name in ("base", "value", "change")] == [10.0, 12.5, 0.25]
    assert (changes["ttft.p50"]["change"], changes["ttft.p50"]["direction"]) == (0.0, "unsure")
    assert (changes["error_rate"]["base"], changes["error_rate"]["value"]) == (0.0, 0.0)
    assert "goodput" not in changes  # neither has an objective


async def test_any_number_of_runs_are_compared(session: aiohttp.ClientSession, control: FakeControl) -> None:
    faster = fake_control.result("faster", 20.0)
    control.results["faster"] = faster
    control.known["faster"] = fake_control.summary("faster", "nightly", "completed", 1763029231.0)
    found = await get(session, f"runs/{DONE}/compare?base={OLDER}&also=faster&also={DONE}&by=target")
    assert (found["by"], [series["run"] for series in found["series"]]) == ("target", [OLDER, DONE, "faster", DONE])
    rates = [c["value"] for row in found["rows"] for c in row["changes"] if c["figure"] == "request_rate"]
    assert rates == [12.5, 20.0, 12.5]
    async with session.get(f"/api/v1/runs/{DONE}/compare?base={OLDER}&also=nothing") as response:
        assert response.status == 404


async def test_a_regression_is_what_the_caller_says_it_is(session: aiohttp.ClientSession) -> None:
    back = f"runs/{OLDER}/compare?base={DONE}&fail_if="
    found = await get(session, back + quote("request_rate < -10%"))
    assert (found["outcome"], [check["threshold"] for check in found["checks"]]) == ("UNCLEAR", ["request_rate < -10%"])
    async with session.get(f"/api/v1/{back}{quote('ttft > 10%')}") as response:
        assert response.status == 422
        assert (await response.json())["detail"].startswith("fail_if: 'ttft > 10%' is no threshold: write FIGURE")


async def test_the_description_is_served(server: Server, session: aiohttp.ClientSession) -> None:
    document = await get(session, "openapi.json")
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]["/api/v1/runs/{id}"]) == {"get", "patch", "delete"}
