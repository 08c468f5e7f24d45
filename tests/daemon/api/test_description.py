"""The API does what its OpenAPI document says: held against each other with generated requests."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jsonschema
import msgspec
import pytest
import schemathesis
from schemathesis import checks
from schemathesis.checks import not_a_server_error

from fake_control import DONE, LIVE, OLDER, FakeControl, FakeExposition
from sample_searches import level, searched
from swelld.api.application import Surroundings, openapi_text
from swelld.api.control import Page
from swelld.api.server import serve
from swelld.insight.model import Model
from swelld.settings.web import Web

ROOT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = msgspec.json.decode(openapi_text())
OPERATIONS = [
    (method, path)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
    if not path.endswith("/live")  # needs a WebSocket
]
EXAMPLES = 15
KNOWN = {
    "id": hypothesis.strategies.sampled_from([DONE, LIVE]),
    "name": hypothesis.strategies.sampled_from(["canary", "nightly"]),
}
TOKEN = "swl_" + "x" * 40

checks.load_all_checks()
LEFT_OUT = {
    "positive_data_acceptance",  # that a scenario can be run, a schema cannot promise
    "missing_required_header",
    "max_response_time",
}
CHECKS: list[Any] = [check for check in checks.CHECKS.get_all() if check.__name__ not in LEFT_OUT]


def test_the_document_in_the_repository_is_current() -> None:
    assert (ROOT / "docs/openapi.json").read_text() == openapi_text(), "docs/openapi.json is stale: run `make gen`"


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operations in DOCUMENT["paths"].values() for operation in operations.values()]
    assert len(names) == len(set(names)) == 35
    assert {"start", "cancel", "changeScenario", "audit", "recommend", "recommendation"} <= set(names)


def test_every_schema_is_one() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    found = set()

    def walk(data: Any) -> None:
        if isinstance(data, dict):
            if isinstance(data.get("$ref"), str):
                found.add(data["$ref"].rpartition("/")[2])
            for value in data.values():
                walk(value)
        elif isinstance(data, list):
            for value in data:
                walk(value)

    walk(DOCUMENT)
    assert found <= set(DOCUMENT["components"]["schemas"])
    assert {"ProblemDocument", "RunSummary", "Result"} <= found


class Lasting(FakeControl):
    """Runs can be deleted and are still there, so that no test depends on another; streams end at once.

    One of the runs was a search.
    """

    def __init__(self) -> None:
        super().__init__()
        self.results[DONE] = searched(level(80, True), level(84, False))

    def progress(self, run_id: str) -> None:
        return None

    async def delete(self, run_id: str) -> None:
        await self.run(run_id)


class Probing:
    """Every target answers."""

    async def probe(self, target: str, module: str | None, scrape_timeout: float | None, *, debug: bool) -> Page:
        return FakeExposition().render("text/plain")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server in a thread of its own: generated requests come from blocking code."""
    loop = asyncio.new_event_loop()
    tokens = [{"name": "all", "role": "admin", "token": TOKEN}]
    web = Web.model_validate({"listen": "127.0.0.1:0", "tokens": tokens, "control_rate": 1000000})
    control = Lasting()
    around = Surroundings(
        interval=0.01, prober=Probing(), writer=lambda: (Model(url="http://127.0.0.1:9", name="gone"), "en")
    )

    async def start() -> Any:
        return await serve(control, FakeExposition(), web, around)

    server = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.url
    asyncio.run_coroutine_threadsafe(server.aclose(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def make_sense(case: Any, draw: Any) -> None:
    """What a schema cannot know."""
    if "/targets/" in case.path:
        case.path_parameters = {"name": "a"}
    else:
        case.path_parameters = {name: draw(KNOWN[name]) for name in case.path_parameters}
    if isinstance(case.body, dict) and "scenario" in case.body and draw(hypothesis.strategies.booleans()):
        case.body["scenario"] = "nightly"
    if case.path.endswith("/change") and draw(hypothesis.strategies.booleans()):
        case.body = {"rate": 2.5}
    if case.path.endswith("/recommend") and isinstance(case.body, dict) and draw(hypothesis.strategies.booleans()):
        case.body = {"target": "a", "peak_concurrency": case.body["peak_concurrency"], "ttft_target": 0.5}
    if case.path.endswith("/compare"):
        case.query = {"base": OLDER}


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_generated_requests_get_what_is_described(
    url: str, method: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method.upper()]
    good = mode is schemathesis.GenerationMode.POSITIVE
    seen: list[int] = []

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(data=hypothesis.strategies.data())
    def hold(data: hypothesis.strategies.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if good:
            make_sense(case, data.draw)
        response = case.call(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        seen.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    if not good and not (operation.body or operation.path_parameters or operation.query):
        pytest.skip("there is nothing that could be wrong with it")
    hold()
    assert not_a_server_error in CHECKS
    assert 401 not in seen
    assert any(status < 300 for status in seen) or not good, sorted(seen)
