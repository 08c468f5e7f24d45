"""`swelld token`: a new token, and what the configuration needs to know of it."""

from pydantic import ValidationError

from swelld.api.secrets import hash_token, new_token
from swelld.settings.problems import explain
from swelld.settings.web import Token


def show(name: str, role: str) -> None:
    """Print both; the token is kept nowhere. ValueError for a name or role that cannot be."""
    token = new_token()
    try:
        Token.model_validate({"name": name, "role": role, "hash": hash_token(token)})
    except ValidationError as error:
        raise ValueError("\n".join(f"--{path[0]}: {text}" for path, text in explain(error, Token).items())) from None
    print(f"Token (shown once, keep it safe): {token}")
    print("For the configuration of the daemon:\n")
    print(f"web:\n  tokens:\n    - {{name: {name}, role: {role}, hash: '{hash_token(token)}'}}")
