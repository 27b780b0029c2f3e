"""The NATS subjects to which each role may publish and subscribe, JetStream's API included; all others are denied.

Two gaps in the checks of nats-server 2.15 shape these permissions:

* The server replies to any reply subject that a request names. Within one account even a publish ack can so be stored
  in a stream to which the requester may not publish. So publishers and bots have accounts of their own, in which no
  stream stores such a reply.
* A role that may create a consumer *without* a name in the API subject may also alter every durable consumer of that
  stream. So only services may create those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from perdure.bus.topology import APPEND_ONLY, BUCKETS, CONSUMERS, FLOORS, OBJECTS, QUEUES, STREAMS
from perdure.connections.nats import inbox_prefix
from perdure.contracts.audit import AUDIT_RECORDS, ROTATE_LEDGER_KEY
from perdure.contracts.audit_proofs import AUDIT_PROOFS
from perdure.contracts.backfill import BACKFILL_EVENT, DESCRIBE_ROUTE
from perdure.contracts.erasures import ERASE_RECORDS, ERASE_RUN, FIND_ERASABLE
from perdure.contracts.held_starts import CANCEL_START
from perdure.contracts.histories import LIST_HISTORIES
from perdure.contracts.outcomes import EVENT_OUTCOME
from perdure.contracts.run_acts import ACT_ON_RUN, START_AGAIN
from perdure.contracts.runs import DESCRIBE_RUN, FIND_RUNS
from perdure.contracts.schedules import LIST_SCHEDULES
from perdure.values.event_type import SCHEDULED

__all__ = [
    "CLIENT_ACCOUNTS",
    "OPTIONAL_PERMISSIONS",
    "ROLES",
    "SERVICES_ACCOUNT",
    "NatsPermissions",
    "nats_permissions",
]

SERVICES_ACCOUNT: Final = "PERDURE"
"""The account of the services and the operator, which holds the streams."""

CLIENT_ACCOUNTS: Final = {"publisher": "PUBLISHERS", "bot": "BOTS"}
"""Accounts of the roles that are no service, by role. They hold no streams: each subject is imported."""

SERVICES: Final = ("ingest", "orchestrator", "notifier", "audit")
ROLES: Final = (*CLIENT_ACCOUNTS, *SERVICES, "console", "operator")

_ByRole = dict[str, tuple[str, ...]]

_ALL_SUBJECTS: Final = tuple(stream.subjects for stream in STREAMS.values() if stream.name != "ADVISORIES")
_CHECKPOINTS: Final = APPEND_ONLY["CHECKPOINTS"].subjects
_VERDICTS: Final = STREAMS["VERDICTS"].subjects
_OUTCOMES: Final = f"{EVENT_OUTCOME}.>"
_REQUESTS: Final[_ByRole] = {  # from the operator, by responder
    "ingest": (_OUTCOMES, DESCRIBE_ROUTE, BACKFILL_EVENT, CANCEL_START, START_AGAIN),
    "orchestrator": (DESCRIBE_RUN, FIND_RUNS, ACT_ON_RUN, LIST_SCHEDULES, ERASE_RUN, LIST_HISTORIES),
    "audit": (AUDIT_RECORDS, AUDIT_PROOFS, FIND_ERASABLE, ERASE_RECORDS, ROTATE_LEDGER_KEY),
}
_ASKED_BY_CONSOLE: Final = (_OUTCOMES, START_AGAIN, DESCRIBE_RUN, ACT_ON_RUN, AUDIT_RECORDS)
_REPLIES_TO_ACCOUNTS: Final = "_R_.>"  # the reply subjects of requests that come from another account
_CLIENT_API: Final = ("$JS.API.INFO", "$JS.API.STREAM.NAMES")  # client libraries begin with these

_RECORDS: Final = ("admin.approvers_file", "admin.policies", "admin.deploy.*", "admin.run.*", "admin.schedule.*")

_LEDGER_ALERTS: Final = "alerts.perdure.perdure-ledger"
"""Where audit reports that it signs nothing any more."""

_DUE_TIMES: Final = f"events.{SCHEDULED}.>"
"""Whoever published a due time before it is due would take its place: only schedules and the operator may."""

_PUBLISHES: Final[_ByRole] = {
    "publisher": ("events.>", _OUTCOMES),
    "bot": ("decisions.>",),
    "ingest": (_VERDICTS, "commands.>", "dlq.ingest", _REPLIES_TO_ACCOUNTS),
    "orchestrator": (
        "progress.>",
        "approvals.>",
        "alerts.>",
        "receipts.>",
        "dlq.orchestrator",
        _DUE_TIMES,
        *_RECORDS,
    ),
    "notifier": ("notifications.>", "decisions.>", "dlq.notifier"),  # it signs for approvers whom channels identify
    # Dead letters are about the consumers of other services.
    "audit": ("dlq.>", _CHECKPOINTS, _LEDGER_ALERTS),
    # What the logged-in person signs, sends, publishes and offers; ADMIN gets who has sent a signal.
    "console": ("decisions.>", "signals.>", "events.>", "admin.enrolment.*", "admin.run.*", *_ASKED_BY_CONSOLE),
    # Dead letters are resent on their original subject; verdicts are ingest's alone.
    "operator": (*(it for it in _ALL_SUBJECTS if it != _VERDICTS), QUEUES["NOTICES"].subjects),
}
_SUBSCRIBES: Final[_ByRole] = {  # core NATS subscriptions
    "bot": ("approvals.>", "alerts.>", "receipts.>", "progress.>", _VERDICTS, _CHECKPOINTS),
    **_REQUESTS,
    "operator": (*_ALL_SUBJECTS, _CHECKPOINTS),
}
_READS: Final[_ByRole] = {  # streams, through ephemeral consumers with a name
    "bot": ("APPROVALS", "ALERTS", "RECEIPTS", "PROGRESS", "VERDICTS", "CHECKPOINTS"),
    # What has become of an event; then what waits for flow control.
    "ingest": ("PROGRESS", "EVENTS", "VERDICTS", "COMMANDS", "DLQ", "STUCK", "WAITING", "LATEST", "OPEN"),
    # Held starts: a decision may wait for its run. Requests: those of a run that was terminated are closed for it.
    # Records: what an act on a run has done before.
    "orchestrator": ("PROGRESS", "STUCK", "WAITING", "LATEST", "APPROVALS", "ADMIN"),
    "notifier": ("APPROVALS", "PROGRESS", "RECEIPTS"),
    "audit": ("DLQ",),
    "console": (*(it for it in STREAMS if it != "ADVISORIES"), "STUCK", "WAITING", *APPEND_ONLY),
}
_READS_ORDERED: Final[_ByRole] = {  # streams, through nats-py's ordered consumers, which have no name
    "ingest": ("PROGRESS", "WAITING", "LATEST", "OPEN"),
    "notifier": ("APPROVALS", "RECEIPTS"),
    "console": ("PROGRESS", "APPROVALS", "RECEIPTS", "VERDICTS", "DLQ", "STUCK"),  # what open pages follow
}
_GETS_MESSAGES: Final[_ByRole] = {
    "ingest": ("ADMIN",),  # whether a backfill came after an event
    # To verify decisions, what another bridge held or waits, and whether a message is stored that was published before.
    # And the type of the event of a run that is repeated.
    "orchestrator": ("DECISIONS", "SIGNALS", "COMMANDS", "APPROVALS", "ALERTS", "RECEIPTS", "ADMIN", "EVENTS"),
    "audit": (*STREAMS, *APPEND_ONLY),  # the messages that advisories name, and the newest checkpoint
}
_QUEUES: Final[_ByRole] = {
    "ingest": ("WAITING", "LATEST", "OPEN"),
    "orchestrator": ("STUCK",),
    "notifier": ("NOTICES",),
}
_BUCKETS: Final[_ByRole] = {
    "ingest": ("STARTS", "FLOW"),
    "orchestrator": ("STARTS", "BRIDGE", "VERIFICATIONS"),
    "notifier": ("NOTICES",),
}
_OBJECTS: Final[_ByRole] = {"orchestrator": tuple(OBJECTS)}
_PROVISIONED: Final = (
    *STREAMS,
    *QUEUES,
    *APPEND_ONLY,
    *(f"KV_{name}" for name in BUCKETS),
    *(f"OBJ_{name}" for name in OBJECTS),
)


@dataclass(frozen=True, slots=True)
class NatsPermissions:
    """Subject patterns, as in the ``permissions`` of a nats-server user.

    Attributes:
        publish_allow: Where the role may publish: subjects of messages, and JetStream API subjects.
        publish_deny: Exceptions to these: API subjects of the durable consumers of other services, and due times.
        subscribe_allow: Where the role may subscribe.
    """

    publish_allow: tuple[str, ...]
    publish_deny: tuple[str, ...]
    subscribe_allow: tuple[str, ...]


OPTIONAL_PERMISSIONS: Final = {
    "publisher": NatsPermissions(
        ("$JS.API.DIRECT.GET.PROGRESS.progress.>", "signals.>"), (), ("progress.>", _VERDICTS)
    ),
    "bot": NatsPermissions(("signals.>",), (), ()),
}
"""What the operator may grant to single users of a role, in whole or in part: progress, verdicts, signals by name."""


def nats_permissions(role: str) -> NatsPermissions:
    """Return the permissions of a role."""
    publish = {*_PUBLISHES[role], *_api_subjects(role)}
    subscribe = {f"{inbox_prefix(role)}.>", *_SUBSCRIBES.get(role, ())}
    return NatsPermissions(tuple(sorted(publish)), tuple(sorted(_denied_subjects(role))), tuple(sorted(subscribe)))


def _api_subjects(role: str) -> Iterator[str]:
    """Yield the subjects of JetStream's API, of buckets and of requests that a role needs."""
    for stream in _READS.get(role, ()):
        yield from _read_subjects(stream)
    for stream in _READS_ORDERED.get(role, ()):
        yield f"$JS.API.CONSUMER.CREATE.{stream}"
    if role == "operator":
        yield from ("$JS.API.>", "$JS.FC.>", f"{inbox_prefix(role)}.>", *chain.from_iterable(_REQUESTS.values()))
    elif role in {"bot", "console"}:
        yield from _CLIENT_API
    elif role in SERVICES:
        yield from _service_subjects(role)


def _read_subjects(stream: str) -> Iterator[str]:
    """Yield the subjects for reading a stream through named consumers, and for getting single messages."""
    api = "$JS.API"
    yield from (f"{api}.STREAM.INFO.{stream}", f"{api}.STREAM.MSG.GET.{stream}")
    yield from (f"{api}.DIRECT.GET.{stream}", f"{api}.DIRECT.GET.{stream}.>")
    yield from (f"{api}.CONSUMER.CREATE.{stream}.*", f"{api}.CONSUMER.CREATE.{stream}.*.>")
    yield from (f"{api}.CONSUMER.{verb}.{stream}.*" for verb in ("INFO", "DELETE", "MSG.NEXT"))
    yield from (f"$JS.ACK.{stream}.>", f"$JS.FC.{stream}.>")


def _service_subjects(service: str) -> Iterator[str]:
    """Yield the subjects for provisioning, for the service's durable consumers, and for its queues and buckets."""
    api = "$JS.API"
    yield f"{api}.INFO"
    for stream in _PROVISIONED:
        yield from (f"{api}.STREAM.{verb}.{stream}" for verb in ("INFO", "CREATE"))
    for consumer in CONSUMERS:
        if consumer.service == service:
            yield from _consumer_subjects(consumer.stream, service)
            yield f"$KV.{FLOORS}.{service}-{consumer.stream}"
    yield f"{api}.STREAM.MSG.GET.KV_{FLOORS}"
    yield from (f"{api}.STREAM.MSG.GET.{stream}" for stream in _GETS_MESSAGES.get(service, ()))
    for stream in (it.name for it in STREAMS.values() if it.trimmed_by == service):
        yield f"{api}.STREAM.PURGE.{stream}"
        yield from (f"{api}.CONSUMER.INFO.{stream}.{it.service}" for it in CONSUMERS if it.stream == stream)
    for queue in _QUEUES.get(service, ()):
        yield from (QUEUES[queue].subjects, *(f"{api}.STREAM.MSG.{verb}.{queue}" for verb in ("GET", "DELETE")))
    for bucket in _BUCKETS.get(service, ()):
        yield from (f"$KV.{bucket}.>", f"{api}.STREAM.INFO.KV_{bucket}", f"{api}.STREAM.CREATE.KV_{bucket}")
        yield from (f"{api}.STREAM.MSG.GET.KV_{bucket}", f"{api}.DIRECT.GET.KV_{bucket}.>")
    for bucket in _OBJECTS.get(service, ()):
        # Putting an object again purges its old chunks. Only the orchestrator uses this bucket.
        yield from (f"$O.{bucket}.>", f"{api}.STREAM.PURGE.OBJ_{bucket}", *_read_subjects(f"OBJ_{bucket}"))
    if service in _REQUESTS:
        yield from (f"{inbox_prefix(asking)}.>" for asking in ("operator", "console"))


def _consumer_subjects(stream: str, service: str) -> Iterator[str]:
    yield f"$JS.API.STREAM.MSG.GET.{stream}"  # when the message was stored up to which everything is settled
    for verb in ("INFO", "CREATE", "DURABLE.CREATE", "DELETE", "MSG.NEXT"):
        yield f"$JS.API.CONSUMER.{verb}.{stream}.{service}"
    yield f"$JS.ACK.{stream}.{service}.>"


def _denied_subjects(role: str) -> Iterator[str]:
    """Yield what the other patterns would match: subjects of other services' durable consumers, and of due times."""
    if role in {"publisher", "console"}:
        yield _DUE_TIMES
    for consumer in CONSUMERS:
        if consumer.service != role and consumer.stream in _READS.get(role, ()):
            name = f"{consumer.stream}.{consumer.service}"
            yield from (f"$JS.API.CONSUMER.{verb}.{name}" for verb in ("CREATE", "DELETE", "MSG.NEXT"))
            yield from (f"$JS.API.CONSUMER.CREATE.{name}.>", f"$JS.ACK.{name}.>")
