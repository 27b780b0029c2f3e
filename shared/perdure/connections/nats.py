"""Connection options, credentials and error texts of every NATS client in Perdure."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

from perdure.config.private_file import read_private_text
from perdure.config.settings import NatsSettings
from perdure.connections.nats_password import NatsPassword
from perdure.connections.nats_tls import load_files, tls_context, tls_refusal
from perdure.connections.protection import protect_connection
from perdure.errors import SetupError

__all__ = [
    "RECONNECT_SECONDS",
    "ErrorLog",
    "connection_options",
    "credentials",
    "inbox_prefix",
    "plain_client",
    "refusal",
]

RECONNECT_SECONDS: Final = 0.25
"""Seconds between two connection attempts; nats-py tries each server in turn."""

_log = logging.getLogger(__name__)


def connection_options(
    settings: NatsSettings, name: str, role: str, errors: "ErrorLog | None" = None
) -> dict[str, Any]:
    """Return the options of nats-py's ``connect``: it reconnects for ever and logs each new error once.

    Args:
        settings: The servers and credentials.
        name: Name of the connection, which the server's monitoring shows.
        role: The role whose credentials are used.
        errors: Gets the errors of the connection, if the caller needs them.

    Raises:
        SetupError: The credentials cannot be read.
    """
    errors = errors or ErrorLog(name, settings)
    return {
        "servers": list(settings.servers),
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_SECONDS,
        "error_cb": errors.report,
        **({} if errors.tls is None else {"tls": errors.tls}),
        **credentials(settings, role),
    }


class ErrorLog:
    """Logs connection errors, but not the same error at every attempt; certificates are read again for the next one.

    Attributes:
        tls: The context of the connection; None without `nats.tls`.
        reason: Why NATS or TLS refused the connection last, in a sentence; None if they did not.
    """

    def __init__(self, name: str, settings: NatsSettings) -> None:
        """Read the certificates.

        Raises:
            SetupError: They cannot be read.
        """
        self.tls = tls_context(settings)
        self.reason: str | None = None
        self._name = name
        self._settings = settings
        self._last = ""

    async def report(self, error: Exception) -> None:
        """Log an error of the connection."""
        unreadable = self._unreadable_files()
        found = refusal(error) or unreadable or tls_refusal(error, self._settings)
        if found is None and isinstance(error, ConnectionResetError) and self.reason is not None:
            return  # the same refusal: the server's reason may be lost with the connection
        self.reason = found or self.reason
        text = found or repr(error)
        if text != self._last:
            self._last = text
            _log.warning("%s: error of the NATS connection: %s", self._name, text)

    def _unreadable_files(self) -> str | None:
        """Read the certificates for the next connection; return why they cannot be read."""
        try:
            if self.tls is not None:
                load_files(self.tls, self._settings)
        except SetupError as error:
            return str(error)
        return None


def credentials(settings: NatsSettings, role: str) -> dict[str, Any]:
    """Return nats-py's options for the identity and the inbox prefix of a role.

    Raises:
        SetupError: The credentials cannot be read.
    """
    options: dict[str, Any] = {"inbox_prefix": settings.inbox_prefix or inbox_prefix(role)}
    if settings.nkey_seed_file is not None:
        options["nkeys_seed"] = str(_private(Path(str(settings.nkey_seed_file).replace("{role}", role))))
    elif settings.credentials_file is not None:
        options["user_credentials"] = str(_private(settings.credentials_file, "BEGIN NATS USER JWT"))
    elif settings.user is not None:
        options |= {"user": settings.user, "password": NatsPassword(settings)}
    return options


def _private(file: Path, mark: str = "") -> Path:
    """Return the path of a file that can be read, by its owner and group alone, and that holds this mark."""
    path = file.expanduser()
    try:
        if mark not in read_private_text(path):
            raise SetupError(f"{path} holds no user's JWT and seed, as `nsc generate creds` writes them.")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SetupError(
            f"The NATS credentials {path} cannot be read ({reason}): correct `nats` in the configuration."
        ) from error
    return path


def inbox_prefix(role: str) -> str:
    """Return the prefix of a role's reply and delivery subjects; publishers keep NATS' default."""
    return "_INBOX" if role == "publisher" else f"_INBOX_{role}"


def refusal(error: Exception | None) -> str | None:
    """Return an error text if NATS denied the credentials or a subject, else None."""
    text = str(error).removeprefix("nats: ")
    if text.lower().strip("'") in {"authorization violation", "authorization failed"}:
        return (
            "NATS rejects these credentials: check `nats.nkey_seed_file`, `nats.credentials_file` or the password "
            "of `nats.user`, and the users in deploy/nats."
        )
    if not text.startswith("permissions violation"):
        return None
    return f"NATS denies it: {text}. Check that the nkey is that of this role; deploy/nats lists the permissions."


@asynccontextmanager
async def plain_client(settings: NatsSettings, *, name: str) -> AsyncIterator[Client]:
    """Open an operator's client for the duration of the block; it reconnects for ever and logs only refusals."""
    tls = tls_context(settings)
    client = await nats.connect(
        list(settings.servers),
        name=name,
        max_reconnect_attempts=-1,
        error_cb=_log_refusal,
        **({} if tls is None else {"tls": tls}),
        **credentials(settings, "operator"),
    )
    protect_connection(client)
    try:
        yield client
    finally:
        with suppress(NatsError, OSError):  # closing a connection that has just been lost fails
            await client.close()


async def _log_refusal(error: Exception) -> None:
    """Log a refusal, which the caller sees as a timeout only; other errors are raised where they occur."""
    if text := refusal(error):
        _log.warning("%s", text)
