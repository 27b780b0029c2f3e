import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter, WorkflowSerializationContext

from perdure.bus import MemoryObjects
from perdure.codec_server.app import create_app
from perdure.codec_server.decryption import Decryption
from perdure.codec_server.logins import Logins
from perdure.codec_server.payload_json import write_payloads
from perdure.connections.temporal import converter
from perdure.contracts import Message, ValuesDecrypted
from perdure.encryption import KeySource, new_key_line
from perdure.errors import WrongArgument
from perdure.flow.payload_store import payload_storage
from tests.support.secret_file import write_secret

ORIGIN = "http://localhost:8233"
TOKEN = "t0ken-of-ada-4711-4711"  # noqa: S105 (made up)
TULIP = Payload(metadata={"encoding": b"json/plain"}, data=b'"Tulip"')


class Endpoint:
    """The endpoint, and what ADMIN has of it.

    Attributes:
        recorded: The acts.
        converter: That of the run ``r``; it stores values of 1000 bytes or more.
    """

    def __init__(self, folder: Path) -> None:
        ring = new_key_line("may")
        keys = KeySource(lambda: ring, look_every=3600, name="test")
        self.tokens = folder / "tokens"
        write_secret(self.tokens, f"ada {TOKEN}\n")
        self.recorded: list[Message] = []
        storage = payload_storage(MemoryObjects(), 1000)
        self.converter = converter(storage, keys).with_context(WorkflowSerializationContext("default", "r"))
        decryption = Decryption(converter(storage, keys), self._record)
        app = create_app(Logins(self.tokens), decryption, origins=[ORIGIN], secure=False)
        self.transport = httpx2.ASGITransport(app=app)

    async def _record(self, act: Message) -> None:
        self.recorded.append(act)

    async def encrypted(self, payload: Payload = TULIP) -> Any:
        """Return the body of a request to decrypt a value."""
        return write_payloads(await self.converter.encode([RawValue(payload)]))


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    return Endpoint(tmp_path)


@pytest.fixture
async def browser(endpoint: Endpoint) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in which ada is logged in."""
    async with httpx2.AsyncClient(transport=endpoint.transport, base_url="http://codec") as opened:
        await opened.post("/login", data={"token": TOKEN})
        yield opened


async def test_only_temporals_ui_can_make_a_browser_decrypt(endpoint: Endpoint, browser: httpx2.AsyncClient) -> None:
    body = await endpoint.encrypted()

    answers = [
        await browser.post("/decode", json=body, headers=headers)
        for headers in ({"origin": "http://localhost:3000"}, {"origin": "null"}, {}, {"origin": ORIGIN})
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 200]
    assert len(endpoint.recorded) == 1, "nobody else can make it look as if ada had looked"


async def test_a_token_decrypts_without_a_browser(endpoint: Endpoint, browser: httpx2.AsyncClient) -> None:
    browser.cookies.clear()

    answer = await browser.post(
        "/decode", json=await endpoint.encrypted(), headers={"authorization": f"Bearer {TOKEN}"}
    )

    assert base64.b64decode(answer.json()["payloads"][0]["data"]) == TULIP.data


async def test_a_look_at_a_large_value_names_its_run(endpoint: Endpoint, browser: httpx2.AsyncClient) -> None:
    body = await endpoint.encrypted(Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"T" * 2000 + b'"'))

    answer = await browser.post("/decode", json=body, headers={"origin": ORIGIN, "x-namespace": "default"})

    assert len(base64.b64decode(answer.json()["payloads"][0]["data"])) == 2002
    (act,) = endpoint.recorded
    assert isinstance(act, ValuesDecrypted)
    assert (act.namespace, act.workflow_id, act.by) == ("default", "r", "ada")


@pytest.mark.parametrize("path", ["/login", "/decode"])
async def test_a_body_without_end_is_not_read_to_it(browser: httpx2.AsyncClient, path: str) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 1_000_000_000:
            read += 1_000_000
            yield b"a" * 1_000_000

    answer = await browser.post(path, content=endless(), headers={"origin": ORIGIN})

    assert answer.status_code == 413
    assert read < 100_000_000


async def test_without_its_file_of_tokens_it_shows_nothing(endpoint: Endpoint, browser: httpx2.AsyncClient) -> None:
    body = await endpoint.encrypted()
    endpoint.tokens.unlink()

    decoded = await browser.post("/decode", json=body, headers={"origin": ORIGIN})
    login = await browser.post("/login", data={"token": TOKEN})

    assert (decoded.status_code, login.status_code) == (503, 503)
    assert "The tokens cannot be read" in decoded.json()["message"]
    assert str(endpoint.tokens.parent) not in decoded.text + login.text
    assert decoded.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["*", "null", "localhost:8233", "http://*", "http://localhost:8233/"])
def test_an_origin_that_is_none_or_lets_all_in_is_refused(tmp_path: Path, origin: str) -> None:
    async def record(_: Message) -> None:
        raise AssertionError

    with pytest.raises(WrongArgument, match="--origin"):
        create_app(Logins(tmp_path), Decryption(DataConverter.default, record), origins=[origin], secure=False)
