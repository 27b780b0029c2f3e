"""TLS to NATS: the context of a connection, and sentences about certificates."""

import ssl
from pathlib import Path
from typing import Final

from nats.aio.client import Client

from perdure.config.nats import NatsSettings
from perdure.config.private_file import refuse_open_file
from perdure.errors import SetupError

__all__ = ["lacks_tls", "load_files", "tls_context", "tls_refusal"]

_WANTED: Final = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED")
_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_NOT_YET_VALID: Final = 9  # X509_V_ERR_CERT_NOT_YET_VALID


def tls_context(settings: NatsSettings) -> ssl.SSLContext | None:
    """Return the context for the files of the configuration; None without `nats.tls`: nats-py then makes its own.

    Raises:
        SetupError: A file cannot be read, or holds something else.
    """
    if settings.tls is None:
        return None
    context = ssl.create_default_context()
    if not settings.tls.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    load_files(context, settings)
    return context


def load_files(context: ssl.SSLContext, settings: NatsSettings) -> None:
    """Read the files into a context, for its next connection; raises as ``tls_context`` does."""
    tls = settings.tls
    if tls is None:
        return
    if tls.ca_file is not None:
        _check_readable("ca_file", tls.ca_file)
        try:
            context.load_verify_locations(tls.ca_file.expanduser())
        except ssl.SSLError as error:
            raise SetupError(f"`nats.tls.ca_file`: {tls.ca_file} holds no certificate in PEM.") from error
    if tls.cert_file is not None and tls.key_file is not None:
        _check_readable("cert_file", tls.cert_file)
        _check_readable("key_file", tls.key_file)
        refuse_open_file(tls.key_file.expanduser())
        try:
            context.load_cert_chain(tls.cert_file.expanduser(), tls.key_file.expanduser(), password=_no_password)
        except ssl.SSLError as error:
            raise SetupError(
                f"`nats.tls.cert_file` and `nats.tls.key_file`: {tls.cert_file} and {tls.key_file} are no certificate "
                f"in PEM and its private key without a password ({error.reason or error})."
            ) from error


def tls_refusal(error: Exception | None, settings: NatsSettings) -> str | None:
    """Return a sentence if a connection failed because of a certificate, else None."""
    where = f"the NATS server at {settings.shown}"
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in {_EXPIRED, _NOT_YET_VALID}:
            return (
                f"The certificate of {where} is not valid now: {error.verify_message}. Give the server a new one, or "
                "correct the clock of this machine."
            )
        case ssl.SSLCertVerificationError():
            return (
                f"The certificate of {where} is not trusted: {error.verify_message}. Name its authority in "
                "`nats.tls.ca_file`, and the server as its certificate does in `nats.servers`."
            )
        case ssl.SSLError() if any(word in str(error.reason) for word in _WANTED):
            return (
                f"T{where[1:]} demands a client's certificate that it trusts ({error.reason}): check "
                "`nats.tls.cert_file` and `nats.tls.key_file`."
            )
        case ssl.SSLError():
            return f"TLS with {where} fails: {error.reason or error}."
        case _:
            return None


def lacks_tls(client: Client, settings: NatsSettings) -> bool:
    """Return whether a connection is not encrypted although the configuration demands it: nats-py connects anyway."""
    demanded = settings.tls is not None or any(url.startswith("tls://") for url in settings.servers)
    return demanded and not client._server_info.get("tls_required")  # noqa: SLF001 (nats-py has no other way to it)


def _check_readable(key: str, file: Path) -> None:
    try:
        file.expanduser().open("rb").close()
    except OSError as error:
        raise SetupError(f"`nats.tls.{key}`: {file} cannot be read ({error.strerror}).") from error


def _no_password() -> str:
    """Refuse to ask on the terminal for the password of a key."""
    return ""
