"""HTTPS for the web server."""

import ssl
from pathlib import Path

from swelld.settings.web import ServerTLS


def server_context(settings: ServerTLS) -> ssl.SSLContext:
    """ValueError names a file that cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    newest = settings.min_version == "1.3"
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if newest else ssl.TLSVersion.TLSv1_2
    load_certificate(context, settings)
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(_cannot("client_ca", settings.client_ca, error)) from None
        required = settings.client_auth == "require"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def load_certificate(context: ssl.SSLContext, settings: ServerTLS) -> None:
    """Read certificate and key, for the first time or again: connections from now on get them."""
    for name, path in (("cert", settings.cert), ("key", settings.key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise ValueError(_cannot(name, path, error)) from None
    try:
        context.load_cert_chain(settings.cert, settings.key, password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        raise ValueError(_cannot("cert", settings.cert, error)) from None


def _cannot(name: str, path: Path, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "it does not fit, or is no PEM file"
    return f"web.tls.{name}: cannot use {path} ({reason}); give PEM files of a certificate and its own key, unencrypted"
