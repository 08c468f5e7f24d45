"""Reports over HTTP: by rules, by a model, and where neither can be."""

import aiohttp

from fake_control import DONE, LIVE, FakeControl, FakeExposition
from swelld.api.application import Surroundings
from swelld.api.server import serve
from swelld.insight.model import Model
from swelld.settings.web import Web
from swelld.sim import SimOptions, simulated

HERE = f"/api/v1/runs/{DONE}/analysis"


async def test_by_rules_for_whoever_may_read(session: aiohttp.ClientSession) -> None:
    async with session.get(HERE) as response:
        text = await response.text()
        assert (response.status, response.content_type, response.charset) == (200, "text/markdown", "utf-8")
        assert "Content-Disposition" not in response.headers
    assert text.startswith("# ")
    assert DONE in text.splitlines()[0]
    assert text.count("\n## ") == 6
    async with session.get(f"{HERE}?language=ko&download=true") as response:
        assert response.headers["Content-Disposition"] == f'attachment; filename="{DONE}.md"'
        assert await response.text() != text


async def test_what_cannot_be(session: aiohttp.ClientSession, admin: aiohttp.ClientSession) -> None:
    for method, path, who, status in (
        ("GET", f"/api/v1/runs/{LIVE}/analysis", session, 409),
        ("GET", "/api/v1/runs/nothing/analysis", session, 404),
        ("GET", f"{HERE}?language=12", session, 422),
        ("POST", HERE, session, 401),
    ):
        async with who.request(method, path) as response:
            assert (response.status, response.content_type) == (status, "application/problem+json"), (method, path)


async def test_by_the_model_of_the_configuration(control: FakeControl, exposition: FakeExposition) -> None:
    with simulated(SimOptions(ttft=0.001, itl=0.001, tokens=20)) as url:
        around = Surroundings(writer=lambda: (Model(url=url, name="sim"), "en"))
        web = Web.model_validate({"listen": "127.0.0.1:0", "allow_unauthenticated_control": True})
        server = await serve(control, exposition, web, around)
        headers = {"X-Swelld-Request": "1"}
        async with aiohttp.ClientSession(server.url, headers=headers) as session, session.post(HERE) as response:
            text = await response.text()
            assert response.status == 200
        await server.aclose()
    assert text.count("\n## ") == 7  # the last one tells of the numbers
    assert "Written by the model sim" in text


async def test_without_a_model(control: FakeControl, exposition: FakeExposition, admin: aiohttp.ClientSession) -> None:
    async with admin.post(HERE) as response:  # it does not answer: rules write in its place
        assert response.status == 200
        assert (await response.text()).count("\n## ") >= 6
    web = Web.model_validate({"listen": "127.0.0.1:0", "allow_unauthenticated_control": True})
    server = await serve(control, exposition, web)
    headers = {"X-Swelld-Request": "1"}
    async with aiohttp.ClientSession(server.url, headers=headers) as session, session.post(HERE) as response:
        assert response.status == 409
        assert "analysis.url" in (await response.json())["detail"]
    await server.aclose()
