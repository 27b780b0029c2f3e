"""The permissions, beside what else the code says of who says and hears what."""

from perdure.asyncapi.flow import SAID_BY
from perdure.bus.permissions import OUTSIDE_ACCOUNTS, ROLES, nats_permissions
from perdure.bus.topology import CONSUMERS, QUEUES, STREAMS, matches
from perdure.connections.nats import inbox_prefix


def test_each_service_may_say_what_the_contract_says_that_it_says() -> None:
    for stream, services in SAID_BY.items():
        for service in services:
            said = f"{stream.lower()}.{service}"
            assert any(matches(pattern, said) for pattern in nats_permissions(service).publish), (stream, service)


def test_each_service_may_fetch_and_acknowledge_by_its_own_consumers() -> None:
    for consumer in CONSUMERS:
        granted = nats_permissions(consumer.service)
        for door in ("$JS.API.CONSUMER.MSG.NEXT.{}", "$JS.ACK.{}.>", "$JS.API.CONSUMER.DURABLE.CREATE.{}"):
            assert door.format(f"{consumer.stream}.{consumer.service}") in granted.publish
            assert door.format(f"{consumer.stream}.{consumer.service}") not in granted.never


def test_the_operator_may_say_a_dead_letter_again_where_a_service_heard_it() -> None:
    for said in ("events.a", "commands.start.W", "decisions.r", "signals.run.stop", "notices.desk.high"):
        assert any(matches(pattern, said) for pattern in nats_permissions("operator").publish), said


def test_no_two_roles_hear_at_one_place() -> None:
    assert len({inbox_prefix(role) for role in ROLES}) == len(ROLES)


def test_nobody_outside_may_make_a_consumer_without_a_name() -> None:
    for role in OUTSIDE_ACCOUNTS:
        for stream in STREAMS | QUEUES:
            assert f"$JS.API.CONSUMER.CREATE.{stream}" not in nats_permissions(role).publish
