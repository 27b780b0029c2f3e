"""Serves the codec endpoint until it is interrupted: ``perdure admin encryption serve`` starts it."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

import uvicorn

from perdure.bus import NatsObjects, connect
from perdure.codec_server.app import create_app
from perdure.codec_server.decryption import Decryption
from perdure.codec_server.listening import refuse_plain_http
from perdure.codec_server.logins import Logins
from perdure.config.loader import load_settings
from perdure.connections.temporal import converter
from perdure.encryption import key_source
from perdure.errors import PerdureError, SetupError, WrongArgument
from perdure.flow.payload_store import PAYLOADS, payload_storage
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process
from perdure.runtime.stderr import print_error

_NEVER: Final = 2**31  # bytes of a payload from which on it would be stored
_ANSWERS_WITHIN: Final = 10.0  # seconds


async def _serve(given: Namespace) -> None:
    if given.certificate is None:
        refuse_plain_http(given.host)
    settings = load_settings()
    if (keys := key_source(settings.encryption)) is None:
        raise SetupError(
            "`encryption` is not configured: there is nothing to decrypt. Name a key ring in perdure.yaml."
        )
    keys.ring()
    logins = Logins(given.tokens)
    logins.read()
    nats, _ = discover(settings)
    async with connect(nats, source="perdure/codec", within=_ANSWERS_WITHIN) as bus:
        storage = payload_storage(NatsObjects(bus.js, PAYLOADS), _NEVER)
        decryption = Decryption(converter(storage, keys), bus.publish)
        app = create_app(logins, decryption, origins=given.origin, secure=given.certificate is not None)
        config = uvicorn.Config(
            app,
            host=given.host,
            port=given.port,
            log_level="warning",
            access_log=False,
            ssl_certfile=given.certificate,
            ssl_keyfile=given.key,
        )
        scheme = "http" if given.certificate is None else "https"
        address = f"{scheme}://{given.host}:{given.port}"
        print(f"Log in at {address}/login, and set {address} as the codec server of Temporal's UI.", flush=True)  # noqa: T201
        await uvicorn.Server(config).serve()


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m perdure.codec_server", description=__doc__)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8234)
    parser.add_argument("--origin", action="append", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(_arguments()))
    except PerdureError as error:
        print_error(f"perdure: {error}")
        exit_process(2 if isinstance(error, WrongArgument) else 1)
    except KeyboardInterrupt:
        sys.exit(0)
    exit_process(0)
