"""The permissions agree with the contract, the topology and the inbox prefixes."""

from perdure.asyncapi.flow import PUBLISHERS
from perdure.bus.permissions import CLIENT_ACCOUNTS, ROLES, nats_permissions
from perdure.bus.subject_patterns import matches
from perdure.bus.topology import APPEND_ONLY, CONSUMERS, QUEUES, STREAMS
from perdure.connections.nats import inbox_prefix


def test_each_service_may_publish_what_the_contract_lists_for_it() -> None:
    for stream, services in PUBLISHERS.items():
        for service in services:
            granted = nats_permissions(service).publish_allow
            assert any((STREAMS | APPEND_ONLY)[stream].stores(pattern) for pattern in granted), (stream, service)


def test_each_service_may_fetch_and_acknowledge_through_its_own_consumers() -> None:
    for consumer in CONSUMERS:
        granted = nats_permissions(consumer.service)
        for pattern in ("$JS.API.CONSUMER.MSG.NEXT.{}", "$JS.ACK.{}.>", "$JS.API.CONSUMER.DURABLE.CREATE.{}"):
            subject = pattern.format(f"{consumer.stream}.{consumer.service}")
            assert subject in granted.publish_allow
            assert subject not in granted.publish_deny


def test_of_admin_the_console_publishes_offers_and_acts_alone_and_the_operator_everything() -> None:
    allowed = {role: [it for it in nats_permissions(role).publish_allow if it.startswith("admin.")] for role in ROLES}

    assert {role: subjects for role, subjects in allowed.items() if subjects} == {
        "orchestrator": ["admin.approvers_file", "admin.deploy.*", "admin.policies", "admin.run.*", "admin.schedule.*"],
        "console": ["admin.enrolment.*", "admin.run.*"],
        "operator": ["admin.>"],
    }


def test_of_the_clients_nobody_publishes_due_times() -> None:
    denied = nats_permissions("publisher").publish_deny

    assert any(matches(pattern, "events.schedules.Report") for pattern in denied)
    assert not any(matches(pattern, "events.order.placed") for pattern in denied)


def test_the_operator_may_resend_a_dead_letter_on_its_original_subject() -> None:
    for subject in ("events.a", "commands.start.W", "decisions.r", "signals.run.stop", "notices.desk.high"):
        assert may_publish("operator", subject), subject


def test_no_two_roles_share_an_inbox_prefix() -> None:
    assert len({inbox_prefix(role) for role in ROLES}) == len(ROLES)


def test_no_client_account_may_create_a_consumer_without_a_name() -> None:
    for role in CLIENT_ACCOUNTS:
        for stream in STREAMS | QUEUES:
            assert f"$JS.API.CONSUMER.CREATE.{stream}" not in nats_permissions(role).publish_allow


def may_publish(role: str, subject: str) -> bool:
    return any(matches(pattern, subject) for pattern in nats_permissions(role).publish_allow)
