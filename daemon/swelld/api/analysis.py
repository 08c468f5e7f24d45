"""Reports on runs in words, as Markdown that comes as it is written."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Annotated, Final

import msgspec
from aiohttp import web

from swelld.api.control import Control
from swelld.api.problems import Problem
from swelld.api.results import result_of
from swelld.api.route import TROUBLE, Call, Route
from swelld.insight.model import Model
from swelld.insight.phrases import Language
from swelld.insight.report import analyze
from swelld.result import Result

MARKDOWN: Final = "text/markdown"
WRITE_SECONDS: Final = 20.0


class AnalysisQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the report is to be."""

    language: Annotated[str, msgspec.Meta(max_length=20, pattern=r"^[A-Za-z_-]+$")] | None = None
    """`en`, `ko`; with a model any. That of the configuration if not given."""
    download: bool = False
    """As a file."""


Writer = Callable[[], tuple[Model | None, str]]
"""The model of the configuration, if there is one, and its language; ValueError if its key cannot be read."""


class Analyses:
    """By rules for whoever may read; by a model, which costs something, for whoever may start load."""

    def __init__(self, control: Control, writer: Writer) -> None:
        self._control = control
        self._writer = writer

    def routes(self) -> list[Route]:
        """The table."""
        path, media = "/api/v1/runs/{id}/analysis", {MARKDOWN: "The report, in pieces as it is written"}
        by_model = "A report in words, written by the model of the configuration"
        return [
            Route(
                "GET", path, self.analysis, "A report in words, written by rules", None, AnalysisQuery,
                media=media, errors=(409, 422),
            ),
            Route(
                "POST", path, self.write_analysis, by_model, None, AnalysisQuery,
                role="operate", media=media, errors=TROUBLE,
            ),
        ]  # fmt: skip

    async def analysis(self, call: Call) -> web.StreamResponse:
        result = await result_of(self._control, call.path["id"])
        return await self._answer(call, result, None, self._language(call, "en"))

    async def write_analysis(self, call: Call) -> web.StreamResponse:
        try:
            model, language = self._writer()
        except ValueError as error:
            raise Problem(503, f"analysis.api_key: {error}") from None
        if model is None:
            raise Problem(
                409, "no model is configured: set `analysis.url` and `analysis.model`, or GET what rules write"
            )
        result = await result_of(self._control, call.path["id"])
        return await self._answer(call, result, model, self._language(call, language))

    def _language(self, call: Call, otherwise: str) -> str:
        query: AnalysisQuery = call.query
        language = query.language or otherwise
        try:
            Language(language)
        except ValueError as error:
            raise Problem(422, str(error)) from None
        return language

    async def _answer(self, call: Call, result: Result, model: Model | None, language: str) -> web.StreamResponse:
        headers = {"Content-Type": f"{MARKDOWN}; charset=utf-8", "X-Accel-Buffering": "no"}
        query: AnalysisQuery = call.query
        if query.download:
            headers["Content-Disposition"] = f'attachment; filename="{call.path["id"]}.md"'
        response = web.StreamResponse(headers=headers)
        await response.prepare(call.request)
        with suppress(ConnectionError, TimeoutError):  # whoever has gone, or does not read, gets no more
            async with aclosing(analyze(result, model, language)) as pieces:
                await _write(response, pieces)
        return response


async def _write(response: web.StreamResponse, pieces: AsyncIterator[str]) -> None:
    async for piece in pieces:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(piece.encode())
    await response.write_eof()
