"""Perdure's state of one workflow run: its facts, its approval requests, its usage and the operator's rules.

The worker's interceptor opens one for each run; agents and approvals find it by ``Run.current()``.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

from pydantic import JsonValue
from temporalio import workflow

from perdure.contracts import Alert, Severity
from perdure.flow.approvals_host import ApprovalsHost
from perdure.flow.facts import CARRIED_STATE_MEMO, CarriedState
from perdure.flow.mailboxes import Mailboxes
from perdure.flow.messages import READ_RULES
from perdure.flow.operator_rules import OperatorRules
from perdure.flow.publisher import BUS_RETRY, BUS_TIMEOUT, FactPublisher
from perdure.flow.server_sessions import ServerSessions
from perdure.flow.usage import UsageMeter

__all__ = ["Run"]

_ATTRIBUTE: Final = "__perdure_run"  # of the event loop, which is the run's own: a workflow class may have slots


class Run:
    """What one run keeps in memory for Perdure.

    Attributes:
        publisher: Numbers and publishes its facts.
        approvals: Its approval requests.
        mailboxes: The signals that its code waits for by name.
        usage: What its agents have used.
        sessions: Its sessions with servers that keep state.
        alerts: How many alerts it has raised.
        began_at: When it began (UTC); of continued runs, when the first of them began.
    """

    def __init__(self) -> None:
        self.publisher = FactPublisher()
        self.approvals = ApprovalsHost(self.publisher)
        self.mailboxes = Mailboxes()
        self.usage = UsageMeter()
        self.sessions = ServerSessions()
        self.alerts = 0
        self.began_at = workflow.info().workflow_start_time
        self._rules: asyncio.Task[OperatorRules] | None = None

    @classmethod
    def open(cls) -> Self:
        """Create the state of the run whose code is about to execute, and publish that it has started."""
        run = cls()
        carried = workflow.memo_value(CARRIED_STATE_MEMO, CarriedState(), type_hint=CarriedState)
        run._restore(carried)
        setattr(asyncio.get_running_loop(), _ATTRIBUTE, run)
        run.approvals.listen()
        run.publisher.start()
        if carried.dropped_signals:
            names = ", ".join(carried.dropped_signals)
            text = f"Signals that nothing took were dropped, since there were too many: {names}"
            run.publisher.publish_soon([run.publisher.fact("note", result=text)])
        return run

    @staticmethod
    def current() -> "Run":
        """Return the state of the run whose code is executing.

        Raises:
            RuntimeError: Its worker has no ``PerdurePlugin``.
        """
        run = getattr(asyncio.get_running_loop(), _ATTRIBUTE, None)
        if not isinstance(run, Run):
            raise RuntimeError("Agents and approvals need a worker that has Perdure's plugin.")  # noqa: TRY004 (no type error)
        return run

    async def rules(self) -> OperatorRules:
        """Return the operator's rules as they were when the run first needed them."""
        if self._rules is None:
            self._rules = asyncio.create_task(_read_rules())
        return await asyncio.shield(self._rules)

    def new_alert(
        self, title: str, details: JsonValue = None, severity: Severity = "normal", roles: Sequence[str] = ()
    ) -> Alert:
        """Make an alert of this run, with the next number."""
        info = workflow.info()
        self.alerts += 1
        return Alert(
            workflow=info.workflow_type,
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            number=self.alerts,
            title=title,
            details=details,
            severity=severity,
            roles=tuple(roles),
            raised_at=workflow.now(),
        )

    def carried_state(self) -> CarriedState:
        """Return the state that the run which continues this one starts with."""
        kept, dropped = self.mailboxes.kept()
        return CarriedState(
            began_at=self.began_at,
            usage=self.usage.used,
            model_requests=self.usage.model_requests,
            approvals_requested=self.approvals.requested,
            early_decisions=self.approvals.early_decisions,
            judged_places=self.approvals.judged_places,
            kept_signals=kept,
            dropped_signals=dropped,
            server_sessions=self.sessions.used,
        )

    def _restore(self, carried: CarriedState) -> None:
        self.began_at = carried.began_at or self.began_at
        self.usage.used, self.usage.model_requests = carried.usage, carried.model_requests
        self.approvals.restore(carried.approvals_requested, carried.early_decisions, carried.judged_places)
        self.mailboxes.restore(carried.kept_signals)
        self.sessions.used.update(carried.server_sessions)


async def _read_rules() -> OperatorRules:
    rules: OperatorRules = await workflow.execute_local_activity(
        READ_RULES, result_type=OperatorRules, start_to_close_timeout=BUS_TIMEOUT, retry_policy=BUS_RETRY
    )
    return rules
