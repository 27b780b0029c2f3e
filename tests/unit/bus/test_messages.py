"""The time of a delivered message is that of the stored one, to the microsecond."""

from datetime import UTC, datetime

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from perdure.bus.jetstream.messages import delivered_message


@pytest.mark.parametrize("reply", ["$JS.ACK.EVENTS.c.1.7.7.{}.0", "$JS.ACK._.account.EVENTS.c.1.7.7.{}.0.random"])
@pytest.mark.parametrize("microsecond", [0, 1, 333_333, 999_999])
def test_a_time_is_cut_to_microseconds_and_not_rounded(reply: str, microsecond: int) -> None:
    stored_at = datetime(2026, 11, 29, 12, 4, 7, microsecond, tzinfo=UTC)
    nanoseconds = int(stored_at.replace(microsecond=0).timestamp()) * 10**9 + microsecond * 1000 + 999
    message = Msg(_client=Client(), subject="events.a", reply=reply.format(nanoseconds), data=b"")

    assert delivered_message(message).stored_at == stored_at
