"""What can be done: start, pause, change, cancel, annotate, delete, reload."""

import asyncio
from typing import Any

import aiohttp
import pytest

from api_calls import post
from fake_control import DONE, LIVE, FakeControl
from swelld.api.control import Change, Inline


async def test_a_run_starts(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    body = {"scenario": "nightly", "labels": {"branch": "main"}, "note": "before the release"}
    status, run, headers = await post(admin, "/api/v1/runs", body)
    assert status == 201
    assert headers["Location"] == f"/api/v1/runs/{run['id']}"
    assert (run["state"], run["labels"], run["note"]) == ("pending", {"branch": "main"}, "before the release")
    (wanted,) = control.started
    assert (wanted.scenario, wanted.labels, wanted.note, wanted.by) == (
        "nightly",
        {"branch": "main"},
        "before the release",
        "admin",
    )
    async with admin.get(headers["Location"]) as response:
        assert (await response.json())["run"]["id"] == run["id"]


async def test_a_scenario_starts_by_its_own_path(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    async with admin.post("/api/v1/scenarios/nightly/start") as response:
        assert response.status == 201
    assert [(one.scenario, one.by) for one in control.started] == [("nightly", "admin")]


async def test_what_the_daemon_refuses_is_told(admin: aiohttp.ClientSession) -> None:
    status, problem, _ = await post(admin, "/api/v1/runs", {"scenario": "nightly", "note": "ceiling"})
    assert status == 422
    assert problem["detail"] == "50 requests per second are beyond the ceiling of target a (10/s)"


async def test_a_scenario_of_its_own_starts(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    scenario = {"targets": "a", "load": {"rate": "10/s"}, "duration": "30s"}
    status, _, _ = await post(admin, "/api/v1/runs", {"scenario": scenario})
    assert status == 201
    wanted = control.started[0].scenario
    assert isinstance(wanted, Inline)
    assert [share.target for share in wanted.scenario.targets or ()] == ["a"]
    assert (wanted.scenario.duration, wanted.targets, wanted.addresses) == (30.0, {}, {})


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ([], 422, "Expected `object`, got `array`"),
        ({}, 422, "Object missing required field `scenario`"),
        ({"scenario": "nope"}, 404, "there is no scenario 'nope'; known here: canary, nightly"),
        ({"scenario": "nightly", "lables": {}}, 422, "Object contains unknown field `lables`"),
        ({"scenario": "nightly", "note": "x" * 2001}, 422, "Expected `str` of length <= 2000 - at `$.note`"),
        ({"scenario": "nightly", "labels": {"a b": "c"}}, 422, "Expected `str` matching regex"),
        ({"scenario": {"load": "1/s", "requests": 1}}, 422, "targets: is missing; name configured targets"),
        ({"scenario": {"targets": "b", "load": "1/s", "requests": 1}}, 422, "targets: there is no target 'b'"),
        ({"scenario": {"targets": "a", "load": "1/s"}}, 422, "has no end; set `requests`"),
        ({"scenario": {"targets": "a", "laod": 1, "load": "1/s", "requests": 1}}, 422, "laod: is not known here; did"),
        (
            {"scenario": {"targets": "a", "load": "1/s", "requests": 1, "schedule": "continuous"}},
            422,
            "schedule: a run that was asked for has none; leave out `schedule` and `canary`",
        ),
    ],
)
async def test_a_start_that_cannot_be(
    admin: aiohttp.ClientSession, control: FakeControl, body: Any, status: int, said: str
) -> None:
    found, problem, _ = await post(admin, "/api/v1/runs", body)
    assert found == status
    assert any(said in text for text in (problem["detail"], *problem.get("errors", ()))), problem
    assert control.started == []


@pytest.mark.parametrize(
    ("data", "content_type", "status", "said"),
    [
        (b"", "application/json", 400, "the body is empty; send JSON"),
        (b"{", "application/json", 400, "the body is not JSON: Input data was truncated"),
        (b'{"note": "\xff"}', "application/json", 400, "the body is not JSON: "),
        (
            b'{"scenario": {"x": ' + b"[" * 100_000,
            "application/json",
            400,
            "the body is not JSON: it is nested too deeply",
        ),
        (b'{"scenario": "nightly"}', "text/plain", 415, "the body has to be JSON; send Content-Type: application/json"),
    ],
)
async def test_a_body_that_is_no_json(
    admin: aiohttp.ClientSession, data: bytes, content_type: str, status: int, said: str
) -> None:
    async with admin.post("/api/v1/runs", data=data, headers={"Content-Type": content_type}) as response:
        assert response.status == status
        assert (await response.json())["detail"].startswith(said)


async def test_the_same_key_starts_once(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    body = {"scenario": "nightly"}
    first, second = [await post(admin, "/api/v1/runs", body, Idempotency_Key="k-1") for _ in range(2)]
    assert first[:2] == second[:2]
    assert "Idempotent-Replayed" not in first[2]
    assert second[2]["Idempotent-Replayed"] == "true"
    assert second[2]["Location"] == first[2]["Location"]
    third = await post(admin, "/api/v1/runs", body, Idempotency_Key="k-2")
    assert third[1]["id"] != first[1]["id"]
    assert len(control.started) == 2


async def test_requests_with_the_same_key_wait_for_the_first(
    admin: aiohttp.ClientSession, control: FakeControl
) -> None:
    control.slow = 0.2
    body = {"scenario": "nightly"}
    answers = await asyncio.gather(*(post(admin, "/api/v1/runs", body, Idempotency_Key="k") for _ in range(5)))
    assert [status for status, _, _ in answers] == [201] * 5
    assert len({run["id"] for _, run, _ in answers}) == 1
    assert len(control.started) == 1


async def test_a_start_that_failed_can_be_tried_again_with_its_key(
    admin: aiohttp.ClientSession, control: FakeControl
) -> None:
    body = {"scenario": "nightly", "note": "ceiling"}
    for _ in range(2):
        assert (await post(admin, "/api/v1/runs", body, Idempotency_Key="k"))[0] == 422
    assert (await post(admin, "/api/v1/runs", {"scenario": "nightly"}, Idempotency_Key="k"))[0] == 201


async def test_a_scenario_pauses_and_resumes(admin: aiohttp.ClientSession) -> None:
    async with admin.post("/api/v1/scenarios/canary/pause") as response:
        assert (response.status, (await response.json())["state"]) == (200, "paused")
    async with admin.post("/api/v1/scenarios/canary/resume") as response:
        assert (response.status, (await response.json())["paused"]) == (200, False)
    async with admin.post("/api/v1/scenarios/nope/pause") as response:
        assert response.status == 404


async def test_the_level_of_a_run_changes(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    status, run, _ = await post(admin, "/api/v1/scenarios/canary/change", {"rate": 25.5})
    assert (status, run["id"]) == (200, LIVE)
    status, run, _ = await post(admin, f"/api/v1/runs/{LIVE}/change", {"concurrency": 7})
    assert (status, run["id"]) == (200, LIVE)
    assert control.asked == [("change", LIVE, Change(rate=25.5)), ("change", LIVE, Change(concurrency=7))]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("scenarios/nightly", {"rate": 1}, 409, "scenario nightly has no run under way; start one"),
        (f"runs/{DONE}", {"rate": 1}, 409, f"run {DONE} is over; start another one"),
        (f"runs/{LIVE}", {}, 422, "give one of `rate`, `concurrency` and `scale`"),
        (f"runs/{LIVE}", {"rate": 1, "concurrency": 1}, 422, "give one of `rate`, `concurrency` and `scale`"),
        (f"runs/{LIVE}", {"rate": 0}, 422, "the body is not what this path takes"),
        (f"runs/{LIVE}", {"rate": 1001}, 422, "1001 requests per second are beyond the ceiling of target a (1000/s)"),
    ],
)
async def test_a_change_that_cannot_be(
    admin: aiohttp.ClientSession, control: FakeControl, path: str, body: Any, status: int, said: str
) -> None:
    found, problem, _ = await post(admin, f"/api/v1/{path}/change", body)
    assert (found, problem["detail"]) == (status, said)
    assert control.asked == []


async def test_a_run_is_cancelled(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    async with admin.post(f"/api/v1/runs/{LIVE}/cancel") as response:
        assert response.status == 202
    assert (await post(admin, f"/api/v1/runs/{LIVE}/cancel", {"force": True}))[0] == 202
    assert control.asked == [("cancel", LIVE, False), ("cancel", LIVE, True)]


async def test_a_run_is_annotated(admin: aiohttp.ClientSession) -> None:
    async with admin.patch(
        f"/api/v1/runs/{DONE}", json={"note": "new GPU", "labels": {"a": "1", "b": "2"}}
    ) as response:
        run = await response.json()
        assert (response.status, run["note"], run["labels"]) == (200, "new GPU", {"a": "1", "b": "2"})
    async with admin.patch(f"/api/v1/runs/{DONE}", json={"labels": {"a": None}}) as response:
        run = await response.json()
        assert (run["note"], run["labels"]) == ("new GPU", {"b": "2"})


async def test_a_run_is_deleted(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    async with admin.delete(f"/api/v1/runs/{LIVE}") as response:
        assert response.status == 409
    async with admin.delete(f"/api/v1/runs/{DONE}") as response:
        assert (response.status, await response.read()) == (204, b"")
    assert DONE not in control.known


async def test_a_reload_tells_what_is_wrong(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    control.bad_file = ["swelld.yaml:3: targets.a.ulr: is not known here; did you mean url?"]
    async with admin.post("/-/reload") as response:
        assert (response.status, (await response.json())["errors"]) == (422, control.bad_file)
    control.bad_file = []
    async with admin.post("/-/reload") as response:
        assert response.status == 204
    assert control.asked == [("reload",)]
