"""How a call learns that its run has ended: a server that stops waiting has not seen the end."""

from collections.abc import AsyncIterator
from typing import Any

from temporalio.api.history.v1 import HistoryEvent

from perdure_orchestrator.agents.calling_run import CallingRun


class Temporal:
    """Answers each question for the last event of a run with the next of these; None is no event."""

    def __init__(self, *answers: HistoryEvent | None) -> None:
        self.answers = list(answers)

    def __call__(self) -> Any:
        return self

    def get_workflow_handle(self, workflow_id: str, *, run_id: str) -> Any:
        assert (workflow_id, run_id) == ("a", "1")
        return self

    async def fetch_history_events(self, **_: Any) -> AsyncIterator[HistoryEvent]:
        if (event := self.answers.pop(0)) is not None:
            yield event


async def test_a_run_goes_on_while_its_server_shows_no_last_event() -> None:
    continued = HistoryEvent()
    continued.workflow_execution_continued_as_new_event_attributes.new_execution_run_id = "2"
    temporal = Temporal(None, continued)

    following = await CallingRun(temporal, "a", "1", {}).next()

    assert following is not None
    assert (following.run_id, temporal.answers) == ("2", [])
