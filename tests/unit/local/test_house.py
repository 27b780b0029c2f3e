"""Whose process answers at an address."""

import socket

import pytest

from perdure.connections.nats_greeting import NothingListens, is_loopback, server_name
from perdure.local.nats_house import nats_house
from perdure.local.program import http_ready
from perdure.local.service_house import ServiceState, service_state
from tests.support.ports import free_port
from tests.support.strangers import greeting, http, ready, stranger

WITHIN = 5.0


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (ready("ours"), ServiceState("ours")),
        (ready("ours", "nats"), ServiceState("ours", ("nats",))),
        (ready("theirs"), ServiceState("another suite")),
        (ready(None), ServiceState("no suite")),
        (http(b"ok"), ServiceState("unknown")),
        (http(b"not found", "404 Not Found"), ServiceState("unknown")),
        (http(b"[1]"), ServiceState("unknown")),
        (http(b'{"status": "UP"}'), ServiceState("unknown")),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ServiceState("unknown")),
        (b"", ServiceState("unknown")),
    ],
)
async def test_a_service_is_ours_only_with_the_id_of_our_suite(answer: bytes, found: ServiceState) -> None:
    async with stranger(answer) as where:
        assert await service_state(f"http://{where}", "ours", within=WITHIN) == found


async def test_a_port_without_a_listener_and_one_without_an_answer_differ() -> None:
    nothing = await service_state(f"http://127.0.0.1:{free_port()}", "ours", within=WITHIN)
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts for it
        silent = await service_state(f"http://127.0.0.1:{server.getsockname()[1]}", "ours", within=0.1)

    assert (nothing.house, silent.house) == ("nothing", "silent")


async def test_a_suite_is_not_ready_because_another_suite_answers_on_its_port() -> None:
    async with stranger(ready("theirs")) as where:
        assert not await http_ready(f"http://{where}/readyz", is_ours=lambda answer: answer["instance"] == "ours")()
        assert await http_ready(f"http://{where}/readyz", is_ours=lambda answer: answer["instance"] == "theirs")()


@pytest.mark.parametrize(
    ("answer", "house"),
    [
        (greeting("perdure-ours"), "ours"),
        (greeting("perdure-theirs"), "another suite"),
        (greeting("perdure"), "another suite"),
        (greeting("hub-1"), "no suite"),
        (b"220 smtp ready\r\n", "unknown"),
        (b"INFO {}\r\n", "unknown"),
        (b"", "unknown"),
    ],
)
async def test_a_nats_server_is_known_by_its_greeting(answer: bytes, house: str) -> None:
    async with stranger(answer, waits=False) as where:
        assert await nats_house(f"nats://{where}", "ours", within=WITHIN) == house


async def test_a_nats_server_that_does_not_greet_in_time_is_silent_and_no_stranger() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"nats://127.0.0.1:{server.getsockname()[1]}"

        assert await nats_house(url, "ours", within=0.1) == "silent"


async def test_nothing_greets_where_nothing_listens() -> None:
    url = f"nats://127.0.0.1:{free_port()}"

    assert await nats_house(url, "ours", within=WITHIN) == "nothing"
    with pytest.raises(NothingListens):
        await server_name(url, within=WITHIN)


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("nats://127.0.0.1:4222", True),
        ("localhost", True),
        ("tls://[::1]:4222", True),
        ("nats://nats.example.com:4222", False),
        ("nats://10.0.0.7", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(url: str, is_local: bool) -> None:
    assert is_loopback(url) is is_local
