"""How an exchange can go wrong: every trouble becomes one outcome and one error type."""

import errno
import ssl
from typing import Final

from swelld.adapters.base import Garbled, ServerError, Truncated
from swelld.measurement import ErrorType, Outcome

EXCERPT = 300
"""Characters kept of what a server said."""
_NO_TLS: Final = "WRONG_VERSION_NUMBER"
"""What OpenSSL says of an answer that is no TLS at all."""


class Failure(Exception):
    """The one end of an exchange that did not go well."""

    def __init__(self, outcome: Outcome, error_type: ErrorType, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.error_type = error_type
        self.detail = detail[:EXCERPT]


def of_status(status: int, body: bytes) -> Failure:
    """The failure of an HTTP status that is not 2xx; `body` is the beginning of the answer."""
    said = " ".join(body.decode("utf-8", "replace").split())
    detail = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status == 429:
        return Failure(Outcome.THROTTLED, ErrorType.HTTP_429, detail)
    if status == 503:
        return Failure(Outcome.THROTTLED, ErrorType.HTTP_503, detail)
    if status >= 500:
        return Failure(Outcome.FAILED, ErrorType.HTTP_5XX, detail)
    if status >= 400:
        return Failure(Outcome.REJECTED, ErrorType.HTTP_4XX, detail)
    return Failure(Outcome.GARBLED, ErrorType.PROTOCOL, f"{detail} (redirects are not followed: use the final URL)")


def of_decoding(error: ServerError | Garbled | Truncated) -> Failure:
    """The failure behind what a decoder raised."""
    if isinstance(error, Garbled):
        return Failure(Outcome.GARBLED, ErrorType.PROTOCOL, str(error))
    if isinstance(error, Truncated):
        return Failure(Outcome.TRUNCATED, ErrorType.TRUNCATED, str(error))
    if error.status is not None and 400 <= error.status < 600:
        return of_status(error.status, str(error).encode())
    return Failure(Outcome.FAILED, ErrorType.STREAM_ERROR, str(error))


def of_connecting(error: Exception, place: str, timeout: float) -> Failure:
    """The failure behind an exception of a connection attempt."""
    if isinstance(error, TimeoutError):
        return Failure(Outcome.TIMEOUT, ErrorType.CONNECT_TIMEOUT, f"no connection to {place} within {timeout:g} s")
    if isinstance(error, ssl.SSLError):
        hint = "; does it speak plain http? Then write http:// in its URL" if error.reason == _NO_TLS else ""
        return Failure(Outcome.UNREACHABLE, ErrorType.TLS, f"TLS with {place}: {error}{hint}")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        hint = "raise the limit of open files (ulimit -n)"
        return Failure(Outcome.UNREACHABLE, ErrorType.OTHER, f"this machine has too many open files: {hint}")
    return Failure(Outcome.UNREACHABLE, ErrorType.CONNECT, f"cannot connect to {place}: {error}")
