"""Errors as RFC 9457 problem documents: what is wrong, and the remedy."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from swelld.api.control import Conflict, Failed, NotFound, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = 5
_STATUS: Final[dict[type[Failed], int]] = {NotFound: 404, Conflict: 409, Refused: 422, Unavailable: 503}
_REMEDIES: Final = {
    404: "there is nothing at this path; /api/v1/openapi.json lists what there is",
    413: "the request is too large; send less, or raise web.max_body",
}

log = structlog.get_logger(__name__)


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of an error."""

    type: str
    title: str
    """The name of the status."""
    status: int
    detail: str
    """What is wrong, and the remedy."""
    instance: str
    """The path that was asked for."""
    errors: list[str] = []
    """What is wrong one by one; absent if there is nothing to add."""


class Problem(Exception):
    """An answer that says what is wrong."""

    def __init__(
        self, status: int, detail: str, *, errors: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def response(self, path: str) -> web.Response:
        """The document."""
        title = HTTPStatus(self.status).phrase
        document = ProblemDocument(
            type="about:blank",
            title=title,
            status=self.status,
            detail=self.detail,
            instance=path.encode(errors="replace").decode(),
            errors=self.errors,
        )
        body = msgspec.json.encode(document)
        return web.Response(body=body, status=self.status, headers=self.headers, content_type=MEDIA_TYPE)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error leaves as a document; an unexpected one is logged and keeps its inside to itself."""
    try:
        return await handler(request)
    except Exception as error:
        problem = as_problem(error)
        if problem is None:
            raise
        if problem.status == 500:
            log.exception("a request to the web server failed", path=request.path)
        return problem.response(request.path)


def as_problem(error: Exception) -> Problem | None:
    """What to say of an error; None if it is none, but an answer of its own."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Failed):
        status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)
        headers = {"Retry-After": str(_RETRY_SECONDS)} if status == 503 else {}
        return Problem(status, error.detail, errors=error.errors, headers=headers)
    if isinstance(error, web.HTTPException):
        return None if error.status < 400 else _of_aiohttp(error)
    return Problem(500, "swelld failed to answer this; its log says why")


def _of_aiohttp(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(405, f"{error.method} is not for this path; use {allowed}", headers={"Allow": allowed})
    return Problem(error.status, _REMEDIES.get(error.status, error.reason))
