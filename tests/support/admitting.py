"""The commands of an event, or the reason for which it is refused."""

from collections.abc import Sequence

from perdure.contracts import Event
from perdure_ingest.admission import Admitted, decide
from perdure_ingest.rules import Rule
from perdure_ingest.variables import Arrival

__all__ = ["admit"]


def admit(event: Event, arrival: Arrival, *, rules: Sequence[Rule]) -> Sequence[Admitted]:
    """Return one command for each rule that takes the event; raises ``InvalidMessage`` if it is refused."""
    admission = decide(event, arrival, rules=rules)
    if admission.refusal is not None:
        raise admission.refusal
    return admission.admitted
