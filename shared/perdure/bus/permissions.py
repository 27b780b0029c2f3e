"""Who may say and hear what on the bus, by role, and through which doors of JetStream; all else is refused.

Two things that nats-server 2.15 does not check decide how narrow this can be. It answers on whatever subject a request
names for the reply, so that within one account even an acknowledgement can be stored in a stream that its asker may
not write to: so publishers and bots have accounts of their own, where nothing hears such an answer. And who may make a
consumer *without* a name in the subject may also alter any durable one of that stream: so only services may.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure.bus.topology import BUCKETS, CONSUMERS, OBJECTS, QUEUES, STREAMS
from perdure.connections.nats import inbox_prefix
from perdure.contracts.audit import AUDIT_RECORDS
from perdure.contracts.runs import DESCRIBE_RUN

__all__ = ["ON_REQUEST", "OUTSIDE_ACCOUNTS", "ROLES", "SERVICES_ACCOUNT", "NatsPermissions", "nats_permissions"]

SERVICES_ACCOUNT: Final = "PERDURE"
"""The account of the services and the operator, which holds the streams."""

OUTSIDE_ACCOUNTS: Final = {"publisher": "PUBLISHERS", "bot": "BOTS"}
"""Roles whose account holds nothing: what they may do is imported, door by door."""

SERVICES: Final = ("ingest", "orchestrator", "notifier", "audit")
ROLES: Final = (*OUTSIDE_ACCOUNTS, *SERVICES, "operator")

_ALL_SUBJECTS: Final = tuple(stream.subjects for stream in STREAMS.values() if stream.name != "ADVISORIES")
_OPERATOR_ASKS: Final = {"orchestrator": DESCRIBE_RUN, "audit": AUDIT_RECORDS}
_OUTSIDE: Final = ("$JS.API.INFO", "$JS.API.STREAM.NAMES")  # with which clients begin

_PUBLISHES: Final[dict[str, tuple[str, ...]]] = {
    "publisher": ("events.>",),
    "bot": ("decisions.>",),
    "ingest": ("commands.>", "dlq.ingest"),
    "orchestrator": ("progress.>", "approvals.>", "alerts.>", "receipts.>", "dlq.orchestrator"),
    "notifier": ("notifications.>", "decisions.>", "dlq.notifier"),  # it signs for people whom channels know
    "audit": ("dlq.>",),  # letters about consumers of others
    "operator": (*_ALL_SUBJECTS, QUEUES["NOTICES"].subjects),  # a dead letter is said again where it was said
}
_SUBSCRIBES: Final[dict[str, tuple[str, ...]]] = {  # as it is said, by a plain subscription
    "bot": ("approvals.>", "alerts.>", "receipts.>", "progress.>"),
    "orchestrator": (DESCRIBE_RUN,),
    "audit": (AUDIT_RECORDS,),
    "operator": _ALL_SUBJECTS,
}
_READS: Final[dict[str, tuple[str, ...]]] = {  # as it lies there, by consumers that are made for it
    "bot": ("APPROVALS", "ALERTS", "RECEIPTS", "PROGRESS"),
    "ingest": ("PROGRESS",),
    "orchestrator": ("PROGRESS",),
    "notifier": ("APPROVALS", "PROGRESS", "RECEIPTS"),
    "audit": ("DLQ",),
}
_FOLLOWS: Final[dict[str, tuple[str, ...]]] = {  # by nats-py's ordered consumers, which have no name
    "ingest": ("PROGRESS",),
    "notifier": ("APPROVALS", "RECEIPTS"),
}
_LOOKS_UP: Final[dict[str, tuple[str, ...]]] = {"audit": tuple(STREAMS)}  # what JetStream gave up
_QUEUES: Final[dict[str, tuple[str, ...]]] = {"ingest": ("WAITING", "LATEST"), "notifier": ("NOTICES",)}
_BUCKETS: Final[dict[str, tuple[str, ...]]] = {
    "ingest": ("STARTS", "FLOW"),
    "orchestrator": ("STARTS",),
    "notifier": ("NOTICES",),
}
_OBJECTS: Final[dict[str, tuple[str, ...]]] = {"orchestrator": tuple(OBJECTS)}
_DECLARED: Final = (*STREAMS, *QUEUES, *(f"KV_{name}" for name in BUCKETS), *(f"OBJ_{name}" for name in OBJECTS))


@dataclass(frozen=True, slots=True)
class NatsPermissions:
    """NATS patterns.

    Attributes:
        publish: Where the role may publish: words on the wire, and doors of JetStream's API.
        never: Of these, where it may not: what belongs to the durable consumers of others.
        subscribe: What it may subscribe to.
    """

    publish: tuple[str, ...]
    never: tuple[str, ...]
    subscribe: tuple[str, ...]


ON_REQUEST: Final = {
    "publisher": NatsPermissions(("$JS.API.DIRECT.GET.PROGRESS.progress.>",), (), ("progress.>",)),
}
"""What one of a role may be allowed beside, all or a part of it: to hear how runs go on, and how each ended."""


def nats_permissions(role: str) -> NatsPermissions:
    """Return what a role may do."""
    publish = {*_PUBLISHES[role], *_doors(role)}
    subscribe = {f"{inbox_prefix(role)}.>", *_SUBSCRIBES.get(role, ())}
    return NatsPermissions(tuple(sorted(publish)), tuple(sorted(_of_others(role))), tuple(sorted(subscribe)))


def _doors(role: str) -> Iterator[str]:
    """Yield the subjects of JetStream's API, of its buckets and of questions that a role needs."""
    for stream in _READS.get(role, ()):
        yield from _reading(stream)
    for stream in _FOLLOWS.get(role, ()):
        yield f"$JS.API.CONSUMER.CREATE.{stream}"
    if role == "operator":
        yield from ("$JS.API.>", "$JS.FC.>", f"{inbox_prefix(role)}.>", *_OPERATOR_ASKS.values())
    elif role == "bot":
        yield from _OUTSIDE
    elif role in SERVICES:
        yield from _serving(role)


def _reading(stream: str) -> Iterator[str]:
    """Yield what it takes to read a stream by named consumers of one's own, and to look up single messages."""
    api = "$JS.API"
    yield from (f"{api}.STREAM.INFO.{stream}", f"{api}.STREAM.MSG.GET.{stream}")
    yield from (f"{api}.DIRECT.GET.{stream}", f"{api}.DIRECT.GET.{stream}.>")
    yield from (f"{api}.CONSUMER.CREATE.{stream}.*", f"{api}.CONSUMER.CREATE.{stream}.*.>")
    yield from (f"{api}.CONSUMER.{verb}.{stream}.*" for verb in ("INFO", "DELETE", "MSG.NEXT"))
    yield from (f"$JS.ACK.{stream}.>", f"$JS.FC.{stream}.>")


def _serving(service: str) -> Iterator[str]:
    """Yield what it takes to declare what is missing, to hear by one's own consumers, and to use one's own buckets."""
    api = "$JS.API"
    yield f"{api}.INFO"
    for stream in _DECLARED:
        yield from (f"{api}.STREAM.{verb}.{stream}" for verb in ("INFO", "CREATE"))
    for own in CONSUMERS:
        if own.service == service:
            yield from _own_consumer(own.stream, service)
    yield from (f"{api}.STREAM.MSG.GET.{stream}" for stream in _LOOKS_UP.get(service, ()))
    for queue in _QUEUES.get(service, ()):
        yield from (QUEUES[queue].subjects, *(f"{api}.STREAM.MSG.{verb}.{queue}" for verb in ("GET", "DELETE")))
    for bucket in _BUCKETS.get(service, ()):
        yield from (f"$KV.{bucket}.>", f"{api}.STREAM.INFO.KV_{bucket}", f"{api}.STREAM.CREATE.KV_{bucket}")
        yield from (f"{api}.STREAM.MSG.GET.KV_{bucket}", f"{api}.DIRECT.GET.KV_{bucket}.>")
    for bucket in _OBJECTS.get(service, ()):
        # Who puts an object anew takes its old chunks away; nobody else has this bucket.
        yield from (f"$O.{bucket}.>", f"{api}.STREAM.PURGE.OBJ_{bucket}", *_reading(f"OBJ_{bucket}"))
    if service in _OPERATOR_ASKS:
        yield f"{inbox_prefix('operator')}.>"


def _own_consumer(stream: str, service: str) -> Iterator[str]:
    for verb in ("INFO", "CREATE", "DURABLE.CREATE", "MSG.NEXT"):
        yield f"$JS.API.CONSUMER.{verb}.{stream}.{service}"
    yield f"$JS.ACK.{stream}.{service}.>"


def _of_others(role: str) -> Iterator[str]:
    """Yield the doors of the durable consumers of others, which stand among those of consumers made for reading."""
    for consumer in CONSUMERS:
        if consumer.service != role and consumer.stream in _READS.get(role, ()):
            place = f"{consumer.stream}.{consumer.service}"
            yield from (f"$JS.API.CONSUMER.{verb}.{place}" for verb in ("CREATE", "DELETE", "MSG.NEXT"))
            yield from (f"$JS.API.CONSUMER.CREATE.{place}.>", f"$JS.ACK.{place}.>")
