"""Shows what would become of an event, and publishes nothing: ``python -m perdure_ingest.dry_run``.

Standard input holds a ``TrialEvent`` as JSON, its body in base64. Standard output gets one ``RouteOutcome`` a line. A
wrong configuration is reported on standard error, with exit code 1.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from perdure.bus import RawMessage, StoredMessage, write_event
from perdure.bus.envelope import describe_errors
from perdure.config.loader import load_settings
from perdure.contracts import Event, Reason, RouteVerdict, VerdictKind
from perdure.errors import InvalidMessage, SetupError
from perdure_ingest.admission import decide
from perdure_ingest.evaluation import Evaluation
from perdure_ingest.reception import receive
from perdure_ingest.route_verdicts import route_verdicts
from perdure_ingest.rules import Rule, compile_rules

__all__ = ["RouteOutcome", "TrialEvent", "try_event"]


class TrialEvent(BaseModel):
    """The event to try: what ``perdure publish`` would send, with this body.

    Attributes:
        time: RFC 3339 text; by default the time of the trial.
        headers: Further NATS headers; they win over those of the same name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", val_json_bytes="base64")

    type: str
    body: bytes = b"{}"
    id: str = "example"
    source: str = "perdure/cli"
    subject: str | None = None
    time: str | None = None
    headers: dict[str, str] = {}

    def stored(self, now: datetime) -> StoredMessage:
        """Return the message as NATS would store it now (UTC)."""
        event = Event(id=self.id, type=self.type, source=self.source, subject=self.subject)
        written = write_event(event)
        own = {name.lower() for name in self.headers}
        usual = {**written.headers, "ce-time": self.time or now.isoformat()}
        headers = {name: value for name, value in usual.items() if name.lower() not in own} | self.headers
        return StoredMessage(RawMessage(written.subject, self.body, headers), "EVENTS", 1, now, pending=0)


class RouteOutcome(BaseModel):
    """What one route would do.

    Attributes:
        route: Its name; None if the event is refused before any route sees it.
        takes: Whether the event becomes the command.
        why: Why not, or what would happen.
        verdict: What ingest would publish on ``verdicts.<type>``; None if the route does not name the type.
        reason: The reason of the dead letter that the event would become because of this route.
        command: The command that ingest would publish.
    """

    model_config = ConfigDict(frozen=True)

    route: str | None
    takes: bool
    why: str
    verdict: VerdictKind | None = None
    reason: Reason | None = None
    command: JsonValue = None


def try_event(
    trial: TrialEvent, *, rules: Sequence[Rule], now: datetime, max_payload_bytes: int
) -> Iterator[RouteOutcome]:
    """Yield what would become of an event that NATS would store now (UTC), as ingest itself decides it."""
    try:
        event, arrival = receive(trial.stored(now), max_payload_bytes=max_payload_bytes)
    except InvalidMessage as error:
        yield RouteOutcome(route=None, takes=False, why=error.detail, reason=error.reason)
        return
    admission = decide(event, arrival, rules=rules)
    commands: dict[str, JsonValue] = {
        it.evaluation.route: it.command.model_dump(mode="json") for it in admission.admitted
    }
    verdicts = {it.route: it for it in route_verdicts(rules, admission)}
    for evaluation in admission.evaluations:
        yield _outcome(evaluation, verdicts.get(evaluation.route), commands.get(evaluation.route))


def _outcome(evaluation: Evaluation, verdict: RouteVerdict | None, command: JsonValue) -> RouteOutcome:
    if verdict is None:
        return RouteOutcome(route=evaluation.route, takes=False, why=evaluation.reason)
    return RouteOutcome(
        route=evaluation.route,
        takes=command is not None,
        why=verdict.detail,
        verdict=verdict.verdict,
        reason=None if evaluation.refusal is None else evaluation.refusal.reason,
        command=command,
    )


def _main() -> None:
    with redirect_stdout(sys.stderr):  # schemas are the user's code, and may print
        outcomes = [f"{outcome.model_dump_json()}\n" for outcome in _tried(sys.stdin.read())]
    sys.stdout.writelines(outcomes)


def _tried(text: str) -> list[RouteOutcome]:
    try:
        settings = load_settings()
        rules = compile_rules(settings.routes)
    except SetupError as error:
        sys.exit(str(error))
    try:
        trial = TrialEvent.model_validate_json(text)
    except ValidationError as error:
        sys.exit(f"The event cannot be tried: {describe_errors(error)}.")
    limit = settings.ingest.max_payload_bytes
    return list(try_event(trial, rules=rules, now=datetime.now(UTC), max_payload_bytes=limit))


if __name__ == "__main__":
    _main()
