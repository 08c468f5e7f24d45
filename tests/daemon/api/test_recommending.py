"""How many replicas: the run that is begun for it, and what is said of runs that searched, or did not."""

from typing import Any

import aiohttp
import msgspec
import pytest

from api_calls import post
from fake_control import DONE, LIVE, FakeControl
from sample_searches import level, searched
from swelld.api.control import Inline
from swelld.load.search import Searching
from swelld.result import GpuSummary, GpuUse

HERE = f"/api/v1/runs/{DONE}/recommendation"
ASKED = {"target": "a", "peak_concurrency": 500, "ttft_target": 0.5, "tpot_target": 0.05}


@pytest.fixture
def known(control: FakeControl) -> FakeControl:
    """One run found that a replica carries 80 users, 76 to 83."""
    control.results[DONE] = searched(level(76, True), level(80, True, sure=False), level(84, False))
    return control


async def test_a_run_is_begun_that_searches(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    more = {"headroom": 0.1, "goodput_target": 0.9, "concurrency_steps": [1, 10, 50], "num_requests": 40}
    asked = {**ASKED, **more, "gpus_per_replica": 2, "gpu_price": 2.5, "labels": {"gpu": "h100"}, "note": "sizing"}
    status, made, headers = await post(admin, "/api/v1/recommend", asked)
    assert status == 202
    assert headers["Location"] == f"/api/v1/runs/{made['run']['id']}"
    assert made["recommendation"] == (
        f"{headers['Location']}/recommendation?peak_concurrency=500&headroom=0.1&gpus_per_replica=2&gpu_price=2.5"
    )
    (wanted,) = control.started
    assert (wanted.labels, wanted.note, wanted.by) == ({"gpu": "h100"}, "sizing", "admin")
    assert isinstance(wanted.scenario, Inline)
    scenario = wanted.scenario.scenario
    assert [share.target for share in scenario.targets or ()] == ["a"]
    assert isinstance(scenario.load, Searching)
    search = scenario.load.search
    assert (search.kind, search.max, search.levels, search.precision) == ("concurrency", 550.0, (1, 10, 50), 0.05)
    assert (scenario.requests, search.at_most.duration) == (40, 3600.0)
    assert (scenario.objectives.thresholds(), scenario.objectives.share) == ({"ttft": 0.5, "tpot": 0.05}, 0.9)


async def test_the_same_key_measures_once(admin: aiohttp.ClientSession, control: FakeControl) -> None:
    first, second = [await post(admin, "/api/v1/recommend", ASKED, Idempotency_Key="k") for _ in range(2)]
    assert (first[0], first[1]) == (second[0], second[1])
    assert second[2]["Idempotent-Replayed"] == "true"
    assert len(control.started) == 1


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"ttft_target": None, "tpot_target": None}, 422, "no target: give `ttft_target`, `tpot_target` or `e2e_targ"),
        ({"ttft_target": 500}, 422, "Expected `float` <= 120.0 - at `$.ttft_target`"),
        ({"goodput_target": 95}, 422, "Expected `float` <= 1.0 - at `$.goodput_target`"),
        ({"peak_concurrency": 0}, 422, "Expected `int` >= 1 - at `$.peak_concurrency`"),
        ({"concurrency_steps": [5, 3]}, 422, "concurrency_steps: do not rise; write each once, the lowest first"),
        ({"target": "b"}, 422, "target: there is no target 'b'; GET /api/v1/targets"),
        ({"target": {}}, 422, "target: one replica is measured; give a mapping from one name to a target"),
        ({"target": {"a": {"url": "http://x"}}}, 422, "target.a: is a configured target; take another name"),
        ({"target": {"new": {"url": "http://127.0.0.1:1", "model": "m"}}}, 403, "target.new.url: "),
        ({"prompts": {"kind": "jsonl", "file": "/etc/passwd"}}, 422, "prompts.kind: synthetic, suite, inline may come"),
        ({"note": "ceiling"}, 422, "50 requests per second are beyond the ceiling of target a (10/s)"),
    ],
)
async def test_a_question_that_cannot_be(
    admin: aiohttp.ClientSession, control: FakeControl, changes: dict[str, Any], status: int, said: str
) -> None:
    found, problem, _ = await post(admin, "/api/v1/recommend", {**ASKED, **changes})
    assert found == status, problem
    assert any(text.startswith(said) for text in (problem["detail"], *problem.get("errors", ()))), problem
    assert control.started == []


async def test_whoever_may_only_read_starts_nothing(
    session: aiohttp.ClientSession, tokens: dict[str, str], control: FakeControl
) -> None:
    headers = {"Authorization": f"Bearer {tokens['read']}"}
    async with session.post("/api/v1/recommend", json=ASKED, headers=headers) as response:
        assert response.status == 403
    assert control.started == []


async def test_a_new_target_where_that_is_allowed(
    serving: Any, control: FakeControl, resolver: Any, tokens: dict[str, str]
) -> None:
    resolver.answers["127.0.0.1"] = [["127.0.0.1"]]
    headers = {"Authorization": f"Bearer {tokens['operate']}"}
    asked = {**ASKED, "target": {"new": {"url": "http://127.0.0.1:1", "model": "m"}}}
    async with (
        serving(inline_targets=["127.0.0.0/8"]) as server,
        aiohttp.ClientSession(server.url, headers=headers) as session,
    ):
        assert (await post(session, "/api/v1/recommend", asked))[0] == 202
    wanted = control.started[0].scenario
    assert isinstance(wanted, Inline)
    assert (wanted.targets["new"].model, wanted.addresses) == ("m", {"new": ("127.0.0.1",)})


async def test_the_answer_of_a_run_that_searched(session: aiohttp.ClientSession, known: FakeControl) -> None:
    query = "?peak_concurrency=500&headroom=0.2&gpus_per_replica=2&gpu_price=2.5"
    async with session.get(f"{HERE}{query}") as response:
        made = await response.json()
        assert response.status == 200
    assert (made["answered"], made["needed"]) == (True, 600)
    assert made["capacity"] == {"value": 80.0, "low": 76.0, "high": 83.0}
    assert made["replicas"] == {"value": 8.0, "low": 8.0, "high": 8.0}
    assert (made["gpus"], made["monthly_cost"]) == (16, 29200.0)
    async with session.get(f"{HERE}?peak_concurrency=1000") as response:  # another question to the same run
        again = await response.json()
    assert (again["replicas"]["value"], again["gpus"], again["monthly_cost"]) == (15.0, None, None)


async def test_the_gpus_that_the_run_saw(session: aiohttp.ClientSession, known: FakeControl) -> None:
    seen = [GpuSummary(gpu=str(number), uuid=f"u{number}", name="NVIDIA H100") for number in range(4)]
    known.results[DONE] = msgspec.structs.replace(known.results[DONE], gpu=GpuUse(window_seconds=60.0, gpus=seen))
    async with session.get(f"{HERE}?peak_concurrency=500&gpu_price=1") as response:
        made = await response.json()
    assert (made["gpus"], made["monthly_cost"]) == (32, 32 * 730)
    assert (made["wish"]["gpus_per_replica"], made["wish"]["gpu_name"]) == (4, "NVIDIA H100")


async def test_what_a_search_cannot_answer_is_an_answer(session: aiohttp.ClientSession, known: FakeControl) -> None:
    known.results[DONE] = searched(level(1, False), ended="nothing")
    async with session.get(f"{HERE}?peak_concurrency=500") as response:
        made = await response.json()
        assert response.status == 200
    assert (made["answered"], made["replicas"]) == (False, None)
    assert made["reasoning"][0].startswith("No level meets the target, not even a single user")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (f"{DONE}/recommendation", 422, "the query is not what this path takes"),
        (f"{DONE}/recommendation?peak_concurrency=5&gpu_price=1", 422, "gpu_price: the run has seen no GPU; say how"),
        ("nothing/recommendation?peak_concurrency=5", 404, "there is no run nothing"),
    ],
)
async def test_a_question_to_a_run_that_cannot_be(
    session: aiohttp.ClientSession, known: FakeControl, path: str, status: int, said: str
) -> None:
    async with session.get(f"/api/v1/runs/{path}") as response:
        assert response.status == status
        assert (await response.json())["detail"].startswith(said)


async def test_a_run_that_is_not_over(session: aiohttp.ClientSession, known: FakeControl) -> None:
    here = f"/api/v1/runs/{LIVE}/recommendation?peak_concurrency=5"
    async with session.get(here) as response:
        assert (response.status, (await response.json())["detail"]) == (
            409, f"run {LIVE} is running; wait for its end: GET /api/v1/runs/{LIVE}/events",
        )  # fmt: skip
    known.results[LIVE] = known.results[DONE]  # what its last checkpoint says
    async with session.get(here) as response:
        assert response.status == 409


async def test_a_run_that_did_not_search(session: aiohttp.ClientSession, control: FakeControl) -> None:
    async with session.get(f"{HERE}?peak_concurrency=5") as response:
        detail = (await response.json())["detail"]
        assert response.status == 404
    assert detail == (
        f"run {DONE} is no search for a concurrency: give its scenario the load {{search: {{kind: concurrency}}}}, "
        "or POST /api/v1/recommend"
    )


async def test_a_run_that_left_nothing(session: aiohttp.ClientSession, control: FakeControl) -> None:
    del control.results[DONE]
    async with session.get(f"{HERE}?peak_concurrency=5") as response:
        assert response.status == 409
        assert "has left no result; start another one" in (await response.json())["detail"]
