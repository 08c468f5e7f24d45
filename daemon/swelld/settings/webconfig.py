"""The web configuration file that Prometheus and its exporters share (`--web.config.file`), read into our settings."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from swelld.config import Config, Secret, parse_list
from swelld.settings.file import Unreadable, read_file
from swelld.settings.problems import explain, line
from swelld.settings.web import ServerTLS, Web

_NOT_HERE = "cannot be chosen here; leave it out: the defaults of OpenSSL hold"

ClientAuth = Literal["", "NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]


class TlsSection(Config):
    """Certificates; paths are relative to the file."""

    cert_file: Path
    """PEM file of the certificate."""
    key_file: Path
    """PEM file of its key."""
    client_auth_type: ClientAuth = ""
    """Whether clients need certificates; the kinds that do not verify them are refused."""
    client_ca_file: Path | None = None
    """PEM file of the clients' authorities."""
    client_allowed_sans: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = ()
    """Names of clients that are accepted."""
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    """Oldest version of TLS."""
    max_version: Literal["TLS13"] = "TLS13"
    """Newest version of TLS."""
    prefer_server_cipher_suites: bool = True
    """Has no meaning any more, there or here."""
    cipher_suites: Any = None
    """Refused: OpenSSL chooses."""
    curve_preferences: Any = None
    """Refused: OpenSSL chooses."""

    @field_validator("cipher_suites", "curve_preferences")
    @classmethod
    def _none(cls, value: Any) -> None:
        if value:
            raise ValueError(_NOT_HERE)


class HttpSection(Config):
    """How HTTP is spoken."""

    http2: bool = True
    """A permission that is not made use of."""
    headers: dict[str, str] = {}
    """Added to every answer."""


class WebConfigFile(Config):
    """The whole file."""

    tls_server_config: TlsSection | None = None
    """Certificates."""
    http_server_config: HttpSection = HttpSection()
    """How HTTP is spoken."""
    basic_auth_users: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """Users and the bcrypt hashes of their passwords."""


def with_config_file(web: Web) -> Web:
    """The settings with those of their `config_file`; ValueError says what is wrong with it, line by line."""
    path = web.config_file
    if path is None:
        return web
    file = _read(path)
    try:
        found = {
            "tls": _tls(file.tls_server_config, path.parent),
            "basic_auth_users": {name: Secret(value=text) for name, text in file.basic_auth_users.items()},
            "headers": {**file.http_server_config.headers, **web.headers},
        }
        given = {name: getattr(web, name) for name in Web.model_fields if name != "config_file"}
        return Web.model_validate({**given, **found})
    except ValidationError as error:
        problems = explain(error, Web)
        raise ValueError(
            "\n".join(f"{path}: {'.'.join(map(str, at))}: {text}" for at, text in problems.items())
        ) from None


def _read(path: Path) -> WebConfigFile:
    try:
        tree = read_file(path)
        if tree.problems:
            raise ValueError("\n".join(text for _, text in tree.problems))
        return WebConfigFile.model_validate(tree.data)
    except Unreadable as error:
        raise ValueError(str(error)) from None
    except ValidationError as error:
        found = explain(error, WebConfigFile)
        raise ValueError("\n".join(line(*one, tree.places, f"{path}:1") for one in found.items())) from None


def _tls(section: TlsSection | None, folder: Path) -> ServerTLS | None:
    if section is None:
        return None
    verifies = section.client_auth_type in ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
    if verifies and section.client_ca_file is None:
        raise ValueError("web.config_file: client_auth_type asks for certificates; name their client_ca_file")
    ca = folder / section.client_ca_file if verifies and section.client_ca_file is not None else None
    return ServerTLS(
        cert=folder / section.cert_file,
        key=folder / section.key_file,
        client_ca=ca,
        client_auth="optional" if section.client_auth_type == "VerifyClientCertIfGiven" else "require",
        client_names=section.client_allowed_sans if ca is not None else (),
        client_role="read" if ca is not None else None,  # there, a certificate is all that reading needs
        min_version="1.3" if section.min_version == "TLS13" else "1.2",
    )
