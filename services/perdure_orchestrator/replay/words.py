"""Names commands in sentences, those that Perdure issues by the part of the author's code that leads to them."""

from typing import Final

from perdure.flow.decision_verdict import VERIFY_DECISIONS
from perdure.flow.facts import DRAIN_DECISIONS, PUBLISH_FACTS
from perdure.flow.messages import CALL_FUNCTION, CALL_MODEL, CALL_TOOL, QUERY_SERVERS, READ_RULES
from perdure.flow.policy_request import RESOLVE_POLICY
from perdure.values.reserved import is_reserved
from perdure_orchestrator.replay.commands import RunCommand

__all__ = ["in_words", "is_of_perdure"]

_OURS: Final = {
    CALL_FUNCTION: "the call of an agent's function",
    CALL_MODEL: "a model request",
    CALL_TOOL: "a tool call",
    DRAIN_DECISIONS: "a look at the decisions on an approval",
    PUBLISH_FACTS: "a fact that Perdure publishes, as of a request, a note or the run's end",
    QUERY_SERVERS: "a look at the tools of an agent",
    READ_RULES: "a look at the operator's rules, as for an approval request or a tool call",
    RESOLVE_POLICY: "an approval request",
    VERIFY_DECISIONS: "a decision on an approval",
}
_NAMELESS: Final = {"timer": "a timer", "memo": "a change of the memo"}
_ENDS: Final = {"complete": "the run's return", "fail": "the run's failure", "cancel": "the run's cancellation"}


def in_words(command: RunCommand) -> str:
    """Return what a command is, as the object of a sentence."""
    if command.kind in {"activity", "local activity"} and command.name in _OURS:
        return _OURS[command.name]
    if command.kind == "patch" and is_reserved(command.name):
        return "an approval request or another part of Perdure"
    if command.kind == "end":
        return _ENDS.get(command.name, "continue-as-new")
    with_id = f" with the id {command.id}" if command.id else ""
    return _NAMELESS.get(command.kind, f"the {command.kind} {command.name}{with_id}")


def is_of_perdure(command: RunCommand) -> bool:
    """Return whether it ends the run, or is a step that Perdure makes by itself."""
    return command.kind == "end" or command.name in _OURS
