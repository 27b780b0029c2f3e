"""The order of events: those that become commands of one order key wait for each other."""

from collections.abc import Collection, Sequence

from perdure.bus import StoredMessage
from perdure.bus.events import PREFIX
from perdure.bus.subject_patterns import matches
from perdure.errors import InvalidMessage
from perdure_ingest.reception import receive
from perdure_ingest.rules import Rule
from perdure_ingest.variables import EventVariables

__all__ = ["EventLanes"]


class EventLanes:
    """Returns the order keys of an event, of all routes that take it and have an ``order``.

    Attributes:
        keep_order: Whether any route has an ``order``.
    """

    def __init__(self, rules: Sequence[Rule], max_payload_bytes: int) -> None:
        self._rules = [rule for rule in rules if rule.route.order is not None]
        self._limit = max_payload_bytes
        self.keep_order = bool(self._rules)

    def __call__(self, message: StoredMessage) -> Collection[str]:
        """Return the order keys; nothing if no such route takes the event, or nobody can read it."""
        type_ = message.raw.subject.removeprefix(PREFIX)
        rules = [rule for rule in self._rules if matches(rule.route.on, type_)]
        if not rules:
            return ()
        try:
            variables = EventVariables(*receive(message, max_payload_bytes=self._limit))
        except InvalidMessage:
            return ()
        evaluations = [rule.evaluate(variables) for rule in rules]
        return {it.order for it in evaluations if it.order is not None}
