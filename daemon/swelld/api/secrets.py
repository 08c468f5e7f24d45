"""Tokens and passwords: made, hashed and compared without saying how far a wrong one was right."""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from typing import Final

PREFIX: Final = "swl_"
SHORTEST: Final = 20
_REMEMBERED: Final = 256
_AT_A_TIME: Final = 2
_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_DUMMY: Final = b"$2b$10$" + b"." * 22 + b"O" * 31


def new_token() -> str:
    """256 bits of chance: too many to be guessed, so that one round of SHA-256 hides them well enough."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """As it is written in the configuration."""
    return f"sha256:{hashlib.sha256(token.encode(errors='surrogatepass')).hexdigest()}"


def read_hash(text: str) -> str:
    """The hash of a token; ValueError if it is none."""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", text.lower()):
        raise ValueError("is no hash of a token; write what `swelld token` prints: sha256: and 64 hexadecimal digits")
    return text.lower()


def read_token(text: str) -> str:
    """The hash of a token that was given plainly; ValueError if it could be guessed."""
    if len(text) < SHORTEST:
        raise ValueError(
            f"is shorter than {SHORTEST} characters and could be guessed; `swelld token` makes a better one"
        )
    return hash_token(text)


def read_bcrypt(text: str) -> str:
    """The hash of a password; ValueError if it is none, or one that takes seconds to check."""
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise ValueError("is no bcrypt hash; make one with `htpasswd -nBC 12 USER` and write what follows the colon")
    if not 4 <= int(match.group(1)) <= 15:
        raise ValueError("has a cost that takes too long to check; 10 to 12 are usual")
    return text


def same(a: str, b: str) -> bool:
    """Whether two texts are equal, in the same time wherever they differ."""
    return hmac.compare_digest(a.encode(), b.encode())


class Passwords:
    """Users with bcrypt hashes. A check takes a tenth of a second of CPU: in a thread, and good ones are kept."""

    def __init__(self, hashes: dict[str, str]) -> None:
        """ValueError if bcrypt is needed and not installed."""
        self._hashes = hashes
        self._salt = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        if hashes:
            try:
                import bcrypt  # noqa: F401 - to say so at the start, and not when the first user comes
            except ImportError:
                raise ValueError(
                    "web.basic_auth_users: needs a library that is not there; pip install bcrypt"
                ) from None

    def known(self, user: str, password: str) -> bool:
        """Whether this very pair was found good before."""
        return self._digest(user, password) in self._good

    async def check(self, user: str, password: str) -> bool:
        """Whether it is the user's password; an unknown user takes as long as a wrong password."""
        import bcrypt

        stored = self._hashes.get(user)
        async with self._turns:
            given = password.encode()[:72]  # more never counted in bcrypt, and newer libraries refuse it
            good = await asyncio.to_thread(bcrypt.checkpw, given, stored.encode() if stored else _DUMMY)
        if not good or stored is None:
            return False
        self._good[self._digest(user, password)] = None
        if len(self._good) > _REMEMBERED:
            self._good.popitem(last=False)
        return True

    def _digest(self, user: str, password: str) -> bytes:
        return hashlib.blake2b(f"{user}\0{password}".encode(), key=self._salt).digest()
