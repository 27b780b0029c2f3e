"""Protects NATS clients from what others publish, and from what they are asked to send.

nats-py 2.16 has no hook for any of this, so private methods are replaced on a client, and patterns of its parser for
all clients of the process.
"""
# ruff: noqa: SLF001

import asyncio
import logging
import re
from functools import partial
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import BadSubjectError
from nats.errors import Error as NatsError
from nats.js.api import Header
from nats.protocol import parser
from nats.protocol.parser import AUTHORIZATION_VIOLATION, PERMISSIONS_ERR, STALE_CONNECTION

__all__ = ["protect_connection"]

_LONGEST_LINE: Final = 4_096  # bytes
_STORED: Final = b"$JS.ACK."
"""What the reply subject of each message of a stream begins with; a status of the server has no reply subject."""

_JWT: Final = b"BEGIN NATS USER JWT"  # nats-py looks for it without end

_WORD: Final = rb"[ \t]+([^ \t\r\n]+)"
_REPLY: Final = rb"[ \t]+(([^ \t\r\n]+)[ \t]+)?"
_MESSAGE: Final = re.compile(rb"\AMSG" + _WORD + _WORD + _REPLY + rb"(\d+)\r\n")
_MESSAGE_WITH_HEADERS: Final = re.compile(rb"\AHMSG" + _WORD + rb"[ \t]+(\d+)" + _REPLY + rb"(\d+)[ \t]+(\d+)\r\n")

_log = logging.getLogger(__name__)


def protect_connection(client: Client) -> None:
    """Protect a client that is connected.

    - nats-server accepts subjects that are not UTF-8 and header blocks that are no headers; nats-py's read loop would
      end with a decoding error while ``is_connected`` stays true. They are decoded with backslash escapes, and lines
      that are no header are left out.
    - nats-server separates the words of its protocol by blanks and tabs only, nats-py by any white space of ASCII: a
      subject with a vertical tab would keep it from reading anything more.
    - nats-py takes a stored message with a header ``Status`` for a status of the server, and drops it. The header is
      called ``status`` here; header names are read in any case.
    - The server closes a connection after a control line of more than 4,096 bytes (``max_control_line``): such a line
      raises ``BadSubjectError`` and is not sent.
    - In Python 3.11 ``asyncio.wait_for`` returns a reply that arrives together with the cancellation of its caller, who
      is then never cancelled (CPython issue 86296). A request raises ``CancelledError`` instead.
    - After an error of the protocol nats-py closes the client for good. It reconnects instead, as after a lost
      connection.
    - nats-py remembers the public key of the seed that it read first, and an unreadable one would end its attempts for
      good. The seed is read at each attempt, so that keys can be replaced.
    - nats-py leaves the socket of an attempt open that the server has refused.
    """
    parser.MSG_RE, parser.HMSG_RE = _MESSAGE, _MESSAGE_WITH_HEADERS
    client._build_message = partial(_message, client)  # type: ignore[method-assign]
    client._process_headers = partial(_headers, client)  # type: ignore[method-assign]
    client._send_command = partial(_send, client)  # type: ignore[method-assign]
    client._request_new_style = partial(_request, client)  # type: ignore[method-assign]
    client._process_err = partial(_reconnect, client)  # type: ignore[method-assign]
    client._connect_command = partial(_connect_command, client)  # type: ignore[method-assign]
    client._process_connect_init = partial(_greet, client)  # type: ignore[method-assign]


def _message(  # noqa: PLR0913, PLR0917 (nats-py's signature)
    client: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
) -> Msg:
    if headers and reply.startswith(_STORED) and Header.STATUS in headers:
        headers[Header.STATUS.lower()] = headers.pop(Header.STATUS)
    return client.msg_class(
        subject=subject.decode(errors="backslashreplace"),
        reply=reply.decode(errors="backslashreplace"),
        data=data,
        headers=headers,
        _client=client,
        _sid=sid,
    )


async def _headers(client: Client, block: bytes) -> dict[str, str] | None:
    try:
        return await Client._process_headers(client, block)
    except (ValueError, IndexError) as error:
        _log.warning("a message has a header block that is no NATS/1.0: %r", error)
        return client._parse_header_lines(block.partition(b"\r\n")[2])


async def _send(client: Client, command: bytes, priority: bool = False) -> None:
    if len(command) > _LONGEST_LINE and command.find(b"\r\n", 0, _LONGEST_LINE) < 0:
        raise BadSubjectError
    await Client._send_command(client, command, priority)


async def _request(
    client: Client, subject: str, payload: bytes, timeout: float = 1, headers: dict[str, str] | None = None
) -> Msg:
    task = asyncio.current_task()
    earlier = task.cancelling() if task else 0
    reply = await Client._request_new_style(client, subject, payload, timeout=timeout, headers=headers)
    if task and task.cancelling() > earlier:
        raise asyncio.CancelledError
    return reply


async def _reconnect(client: Client, text: str) -> None:
    if client.is_connecting or any(it in text for it in (STALE_CONNECTION, AUTHORIZATION_VIOLATION, PERMISSIONS_ERR)):
        await Client._process_err(client, text)
        return
    error = NatsError(f"nats: {text}")
    client._err = error
    await client._error_cb(error)
    await client._process_op_err(error)


def _check_credentials(file: object) -> None:
    if isinstance(file, str) and _JWT not in Path(file).read_bytes():
        raise NatsError(f"nats: {file} holds no user's JWT")


def _connect_command(client: Client) -> bytes:
    try:
        if client._nkeys_seed is not None:
            client._setup_nkeys_connect()
        _check_credentials(client._user_credentials)
        return Client._connect_command(client)
    except Exception as error:  # nkeys has exceptions of its own, and none may end the attempts
        raise NatsError(f"nats: the credentials cannot be used: {error!r}") from error


async def _greet(client: Client) -> None:
    try:
        await Client._process_connect_init(client)
    except BaseException:
        if client._transport is not None:
            client._transport.close()  # type: ignore[no-untyped-call]
        raise
