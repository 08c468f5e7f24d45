"""Who is asking, and what they may do."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn

from aiohttp import web
from multidict import CIMultiDictProxy

from swelld.api.limits import Buckets, network_of
from swelld.api.problems import Problem
from swelld.api.secrets import Passwords, hash_token, read_bcrypt, read_hash, read_token, same
from swelld.config import Secret
from swelld.settings.web import Role, Web

ROLES: Final[tuple[Role, ...]] = ("read", "operate", "admin")
SOCKET_TOKEN: Final = "bearer."  # noqa: S105 - the mark before a token
_FAILURES: Final = 10
_FAILURES_PER_SECOND: Final = 0.2
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="swelld", Basic realm="swelld"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    name: str
    role: Role | None
    address: str
    way: Literal["open", "token", "password", "certificate"] = "open"

    @property
    def key(self) -> str:
        """For limits: who has no name is known by address."""
        return network_of(self.address) if self.way == "open" else f"{self.way}:{self.name}"

    def may(self, role: Role) -> bool:
        """Whether a role includes what is asked."""
        return self.role is not None and ROLES.index(self.role) >= ROLES.index(role)


class Access:
    """What the settings say of tokens, users and certificates; ValueError names a secret that cannot be used."""

    def __init__(self, settings: Web, clock: Callable[[], float]) -> None:
        self._tokens = [
            (token.name, token.role, _read(token.hash, f"web.tokens.{number}.hash", read_hash))
            if token.hash is not None
            else (token.name, token.role, _read(token.token, f"web.tokens.{number}.token", read_token))
            for number, token in enumerate(settings.tokens)
        ]
        users = settings.basic_auth_users
        self._passwords = Passwords({u: _read(h, f"web.basic_auth_users.{u}", read_bcrypt) for u, h in users.items()})
        self._basic_role = settings.basic_auth_role
        self._tls = settings.tls
        self._open = _open_role(settings)
        self._failures = Buckets(_FAILURES_PER_SECOND, _FAILURES, clock)
        if not settings.on_loopback and self._open is None and not self._anybody(settings):
            raise ValueError(
                "web: listens beyond this machine, but nobody may read, not even Prometheus; set `open_reading: true`, "
                "or give `tokens` or `basic_auth_users`"
            )

    def _anybody(self, settings: Web) -> bool:
        by_certificate = settings.tls is not None and settings.tls.client_role is not None
        return bool(settings.tokens or settings.basic_auth_users or by_certificate)

    async def identify(self, request: web.Request) -> Caller:
        """Whoever it is; a Problem if they claim to be somebody they are not."""
        address = request.remote or "unknown"
        certified = self._certified(request, address)
        scheme, _, given = _authorization(request.headers).partition(" ")
        if not scheme:
            return certified or Caller("anonymous", self._open, address)
        if scheme.lower() == "bearer":
            caller = self._by_token(given.strip(), address)
        elif scheme.lower() == "basic":
            caller = await self._by_password(given.strip(), address)
        else:
            caller = None
        if caller is None:
            self._deny(address)
        return caller

    def _by_token(self, token: str, address: str) -> Caller | None:
        digest = hash_token(token)
        found = [(name, role) for name, role, stored in self._tokens if same(stored, digest)]
        return Caller(found[0][0], found[0][1], address, "token") if found else None

    async def _by_password(self, given: str, address: str) -> Caller | None:
        try:
            user, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:  # neither base64 nor UTF-8
            return None
        if not colon:
            return None
        if not self._passwords.known(user, password):
            if wait := self._failures.wait(network_of(address)):
                raise _too_many(wait)
            if not await self._passwords.check(user, password):
                return None
        return Caller(user, self._basic_role, address, "password")

    def _certified(self, request: web.Request, address: str) -> Caller | None:
        if self._tls is None or request.transport is None:
            return None
        names = names_of(request.transport.get_extra_info("peercert"))
        if not names:
            return None
        accepted = [name for name in names if name in self._tls.client_names]
        if self._tls.client_names and not accepted:
            raise Problem(403, "this client certificate is not among web.tls.client_names")
        if self._tls.client_role is None:
            return None
        return Caller((accepted or names)[0], self._tls.client_role, address, "certificate")

    def _deny(self, address: str) -> NoReturn:
        if wait := self._failures.take(network_of(address)):
            raise _too_many(wait)
        raise Problem(401, "this token or password is not known; look at web.tokens", headers=_CHALLENGE)


def refuse(caller: Caller, role: Role) -> Problem:
    """What to tell somebody who may not."""
    if caller.way == "open":
        return Problem(401, f"this needs a token with the role {role}: Authorization: Bearer TOKEN", headers=_CHALLENGE)
    return Problem(403, f"{caller.name} has the role {caller.role}; this needs {role}")


def names_of(certificate: Any) -> list[str]:
    """The names of a verified certificate: alternative ones, else the common one; none without a certificate."""
    if not certificate:
        return []
    names = [str(value) for _, value in certificate.get("subjectAltName", ())]
    common = [str(value) for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names or common


def _open_role(settings: Web) -> Role | None:
    if settings.allow_unauthenticated_control:
        return "operate"
    return "read" if settings.reading_is_open else None


def _authorization(headers: CIMultiDictProxy[str]) -> str:
    """The header, or the token that a page hid among the protocols of a WebSocket: it cannot set a header."""
    given: Sequence[str] = headers.getall("Authorization", [])
    if len(given) > 1:
        raise Problem(400, "there are two Authorization headers; send one")
    if given:
        return given[0].strip()
    protocols = (p.strip() for p in headers.get("Sec-WebSocket-Protocol", "").split(","))
    token = next((p.removeprefix(SOCKET_TOKEN) for p in protocols if p.startswith(SOCKET_TOKEN)), None)
    return f"Bearer {token}" if token else ""


def _too_many(wait: float) -> Problem:
    return Problem(
        429, "too many wrong tokens or passwords from this address; wait", headers={"Retry-After": str(int(wait) + 1)}
    )


def _read(secret: Secret | None, place: str, read: Callable[[str], str]) -> str:
    assert secret is not None
    try:
        return read(secret.reveal())
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
