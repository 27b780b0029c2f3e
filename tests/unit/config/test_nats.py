"""The section ``nats:``: no text names credentials of a URL, and its names are those of the topology."""

from datetime import timedelta
from typing import get_args

import pytest
from pydantic import ByteSize

from perdure.bus.topology import BUCKETS, OBJECTS, STREAMS
from perdure.config.nats import NatsSettings
from perdure.config.retention import BucketName, StreamName, StreamSettings


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://bob:s3cretpass@127.0.0.1:1", "nats://127.0.0.1:1"),
        ("tls://s3cretpass@nats.example", "tls://nats.example"),
        ("nats://bob:s3cret@pass@host:1", "nats://host:1"),
        ("bob:s3cretpass@host", "host"),
        ("NATS://bob:s3c/ret@host:1", "NATS://host:1"),
    ],
)
def test_a_server_is_shown_without_its_credentials(server: str, shown: str) -> None:
    assert NatsSettings(servers=(server, server)).shown == f"{shown}, {shown}"


def test_each_stream_and_each_bucket_that_forgets_has_limits_of_its_own_in_the_configuration() -> None:
    streams, buckets = (get_args(get_args(name)[0]) for name in (StreamName, BucketName))

    assert set(streams) == set(STREAMS)
    assert set(buckets) == {name for name, keep in (BUCKETS | OBJECTS).items() if keep}


def test_names_of_streams_in_variables_may_be_in_lower_case() -> None:
    settings = NatsSettings.model_validate({"streams": {"events": {"max_bytes": "2GiB", "max_age": "7d"}}})

    assert settings.streams["EVENTS"] == StreamSettings(max_bytes=ByteSize(2 * 1024**3), max_age=timedelta(days=7))
