"""What an account of NATS refuses for good is one sentence, and no advice to delete what is the user's."""

import asyncio
import re
from pathlib import Path

import pytest
from nats.js.api import RetentionPolicy, StreamConfig

from perdure.bus import connect
from perdure.bus.jetstream.provision import provision
from perdure.errors import SetupError
from tests.support.nats_server import nats_server

ACCOUNT = "accounts {{ A {{ users: [{{user: a, password: a}}], {} }} }}\nno_auth_user: a"
MINE = StreamConfig(name="MINE", subjects=["events.>"])
QUEUE = StreamConfig(name="EVENTS", subjects=["jobs.>"], retention=RetentionPolicy.WORK_QUEUE)


@pytest.mark.parametrize(
    ("account", "before", "sentence"),
    [
        ("jetstream {}", MINE, r"stream MINE .*events\.>.*account of its own"),
        ("jetstream { max_bytes_required: true }", None, "max_bytes_required"),
        ("", None, "account .*no JetStream.*`jetstream: enabled`"),
        ("jetstream { max_streams: 2 }", None, "max_streams"),
        ("jetstream {}", QUEUE, "EVENTS .*workqueue retention.*account of its own"),
    ],
)
async def test_what_an_account_refuses_is_a_sentence(
    account: str, before: StreamConfig | None, sentence: str, tmp_path: Path
) -> None:
    with nats_server(tmp_path, ACCOUNT.format(account)) as settings:
        async with connect(settings, source="perdure/test", within=5) as bus:
            if before is not None:
                await bus.js.add_stream(before)
            with pytest.raises(SetupError, match=sentence) as refused:
                async with asyncio.timeout(10):
                    await provision(bus.js, "ingest")

    assert not re.search("delete|remove|purge", str(refused.value))


async def test_a_server_without_jetstream_is_a_sentence(tmp_path: Path) -> None:
    with nats_server(tmp_path, jetstream=False) as settings:
        async with connect(settings, source="perdure/test", within=5) as bus:
            with pytest.raises(SetupError, match=r"JetStream is off .*`jetstream \{\}`"):
                async with asyncio.timeout(10):
                    await provision(bus.js, "ingest")
