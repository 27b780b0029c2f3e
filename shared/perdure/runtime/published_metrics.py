"""Counts what a process publishes: runs, steps, usage, approvals, receipts, verdicts, dead letters, notifications."""

from typing import Final, get_args

from prometheus_client import CollectorRegistry

from perdure.contracts import (
    ENDINGS,
    AboutRequest,
    DeadLetter,
    EventVerdict,
    Message,
    Notification,
    Progress,
    Reason,
    Receipt,
    RunUsage,
)
from perdure.telemetry.catalogue import (
    APPROVALS,
    COST,
    DEAD_LETTERS,
    NOTIFICATIONS,
    RECEIPTS,
    RUNS_ENDED,
    RUNS_STARTED,
    STEPS,
    TOKENS,
    VERDICTS,
)

__all__ = ["PublishedMetrics"]

_STEPS: Final = {"step_completed": "completed", "step_failed": "failed"}


class PublishedMetrics:
    """The counters of one service."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self._dead_letters = DEAD_LETTERS.counter(registry)
        for reason in get_args(Reason):  # a series that began with a burst would show no increase
            self._dead_letters.add(service, reason, amount=0)
        if service == "ingest":
            self._verdicts = VERDICTS.counter(registry)
        elif service == "notifier":
            self._notifications = NOTIFICATIONS.counter(registry)
        elif service == "orchestrator":
            self._started, self._ended = RUNS_STARTED.counter(registry), RUNS_ENDED.counter(registry)
            self._steps, self._tokens, self._cost = (it.counter(registry) for it in (STEPS, TOKENS, COST))
            self._approvals, self._receipts = APPROVALS.counter(registry), RECEIPTS.counter(registry)

    def count(self, message: Message) -> None:
        """Count a message that this process has stored, and nobody before."""
        match message:
            case DeadLetter():
                self._dead_letters.add(message.service, message.reason)
            case EventVerdict():
                for route in message.routes:
                    self._verdicts.add(route.verdict)
            case Notification():
                self._notifications.add(message.channel, message.outcome)
            case Progress():
                self._count_fact(message)
            case Receipt():
                self._receipts.add(message.code)
            case AboutRequest():
                self._approvals.add(message.type.removeprefix("approvals."))

    def _count_fact(self, fact: Progress) -> None:
        if fact.kind in ENDINGS:
            self._ended.add(fact.workflow, fact.kind)
        elif fact.kind == "started":
            self._started.add(fact.workflow)
        elif fact.kind == "step_started" and fact.attempt > 1:
            self._steps.add(fact.workflow, "retried")
        elif fact.kind in _STEPS:
            self._steps.add(fact.workflow, _STEPS[fact.kind])
            if fact.usage is not None:
                self._count_usage(fact.usage)

    def _count_usage(self, usage: RunUsage) -> None:
        """Count the usage of one step, which has at most one agent and one model."""
        for agent, model in zip(usage.agents, usage.models, strict=False):
            used = usage.models[model]
            self._tokens.add(agent, model, "input", amount=used.input_tokens)
            self._tokens.add(agent, model, "output", amount=used.output_tokens)
            if used.cost_usd is not None:
                self._cost.add(agent, model, amount=float(used.cost_usd))
