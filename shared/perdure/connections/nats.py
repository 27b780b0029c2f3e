"""What every client of NATS needs, whoever it is: as whom to speak, and to survive any bytes."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from perdure.config.settings import NatsSettings
from perdure.errors import SetupError

__all__ = ["accept_any_subject", "credentials", "inbox_prefix", "plain_client", "refusal"]

_log = logging.getLogger(__name__)


def inbox_prefix(role: str) -> str:
    """Return where answers and deliveries for a role come; a publisher is any client, and has the usual place."""
    return "_INBOX" if role == "publisher" else f"_INBOX_{role}"


def credentials(settings: NatsSettings, role: str) -> dict[str, Any]:
    """Return nats-py's options that say as whom to speak, and where its answers come."""
    options: dict[str, Any] = {"inbox_prefix": settings.inbox_prefix or inbox_prefix(role)}
    if settings.nkey_seed_file is not None:
        options["nkeys_seed"] = str(_readable(Path(str(settings.nkey_seed_file).replace("{role}", role))))
    elif settings.credentials_file is not None:
        options["user_credentials"] = str(_readable(settings.credentials_file))
    return options


def _readable(file: Path) -> Path:
    path = file.expanduser()
    try:
        path.open("rb").close()
    except OSError as error:
        raise SetupError(
            f"{path}, by which NATS is to know us, cannot be read ({error.strerror}): mend `nats` in the configuration."
        ) from error
    return path


def refusal(error: Exception | None) -> str | None:
    """Say in a sentence what NATS does not permit, if that is what it complains of."""
    words = str(error).removeprefix("nats: ")
    if words.lower().strip("'") in {"authorization violation", "authorization failed"}:
        return "NATS lets nobody in with these credentials: see `nats.nkey_seed_file`, and the users in deploy/nats."
    if not words.startswith("permissions violation"):
        return None
    return f"NATS refuses it: {words}. Who may say and hear what stands in deploy/nats; is this the nkey of this role?"


@asynccontextmanager
async def plain_client(settings: NatsSettings, *, name: str) -> AsyncIterator[Client]:
    """Open a client for as long as the block lasts: it comes back for ever, silent about what breaks meanwhile."""
    client = await nats.connect(
        list(settings.servers),
        name=name,
        max_reconnect_attempts=-1,
        error_cb=_quietly,
        **credentials(settings, "operator"),
    )
    accept_any_subject(client)
    try:
        yield client
    finally:
        with suppress(NatsError, OSError):  # a connection that has just broken cannot be closed in peace
            await client.close()


async def _quietly(error: Exception) -> None:
    """Whoever asks for something sees it fail; only that it is not permitted would look like a silent server."""
    if sentence := refusal(error):
        _log.warning("%s", sentence)


def accept_any_subject(client: Client) -> None:
    """Let a subject that is no UTF-8 arrive in escapes: nats-server takes it, and nats-py's reader would die of it."""
    client._build_message = partial(_message, client)  # type: ignore[method-assign]  # noqa: SLF001 (there is no other way in)


def _message(  # noqa: PLR0913, PLR0917 (nats-py calls it so)
    client: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
) -> Msg:
    return client.msg_class(
        subject=subject.decode(errors="backslashreplace"),
        reply=reply.decode(errors="backslashreplace"),
        data=data,
        headers=headers,
        _client=client,
        _sid=sid,
    )
