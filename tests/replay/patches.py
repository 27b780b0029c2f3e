"""The changes of commands that histories know of: each ``workflow.patched`` in the code, and what shows both sides."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["BOTH_SIDES", "patch_ids"]

_ROOT: Final = Path(__file__).parents[2]

BOTH_SIDES: Final = {
    "perdure-an-object-fits-by-place": (
        "0.2-objects/signals-of-an-object-by-place.json",
        "0.2-objects/signals-of-an-object-by-place-before-patch.json",
    ),
    "perdure-batches-are-bounded": (
        "0.2-batches/documents-of-a-crowded-folder.json",
        "0.2-batches/documents-of-a-crowded-folder-in-the-past~open.json",
    ),
    "perdure-calls-follow-their-session": (
        "0.2-sessions/session-on-a-worker-that-ends.json",
        "0.2-sessions/session-on-a-worker-that-ends-before-patch.json",
    ),
    "perdure-cancellations-outrank-answers": (
        "0.1/stopped-as-it-is-answered.json",
        "0.1/stopped-as-it-is-answered-before-patch.json",
    ),
    "perdure-handlers-continue-with-state": (
        "0.2-continuations/continued-by-a-handler.json",
        "0.2-continuations/continued-by-a-handler-before-patch.json",
    ),
    "perdure-handlers-finish-first": (
        "0.2-continuations/continued-as-a-handler-runs.json",
        "0.2-continuations/continued-as-a-handler-runs-before-patch.json",
    ),
    "perdure-handlers-wait-for-the-run": (
        "0.1/signals-resting-early.json",
        "0.1/signals-resting-early-before-patch.json",
    ),
    "perdure-parallel-is-bounded": (
        "0.2-plans/pattern-parallel-in-turns.json",
        "0.2-plans/pattern-parallel-in-turns-before-patch.json",
    ),
    "perdure-plans-go-on": (
        "0.2-plans/pattern-plan-goes-on.json",
        "0.2-plans/pattern-plan-goes-on-before-patch.json",
    ),
    "perdure-policy-floor": (
        "0.2-policy/policy-of-the-operator.json",
        "0.2-policy/policy-of-the-operator-before-patch.json",
    ),
    "perdure-reminders-grow-rarer": (
        "0.2-reminders/approval-reminded-for-weeks.json",
        "0.2-reminders/approval-reminded-for-weeks-before-patch.json",
    ),
    "perdure-same-calls-are-bounded": (
        "0.2-loops/agent-in-circles.json",
        "0.2-loops/agent-in-circles-before-patch.json",
    ),
    "perdure-sagas-tell-of-cancellations": (
        "0.1/saga-cancelled-while-it-undoes.json",
        "0.1/saga-cancelled-while-it-undoes-before-patch.json",
    ),
    "perdure-silence-is-sure": (
        "0.1/approval-expired.json",
        "0.1/approval-expired-before-patch.json",
    ),
    "perdure-sagas-wait-for-their-steps": (
        "0.2-sagas/saga-cancelled-as-its-step-runs.json",
        "0.2-sagas/saga-cancelled-as-its-step-runs-before-patch.json",
    ),
    "perdure-signals-are-kept": (
        "0.2-signals/pages-between-two-waits.json",
        "0.2-signals/pages-between-two-waits-before-patch.json",
    ),
    "perdure-unfit-signals-are-told": (
        "0.1/signals-that-do-not-fit.json",
        "0.1/signals-that-do-not-fit-before-patch.json",
    ),
    "perdure-unhandled-signals-are-noted": (
        "0.2-signals/signal-misspelt.json",
        "0.2-signals/signal-misspelt-before-patch.json",
    ),
    "perdure-updates-wait-for-the-run": (
        "0.2-updates/updated-as-it-starts.json",
        "0.2-updates/updated-as-it-starts-before-patch.json",
    ),
    "perdure-verified-decision": (
        "0.2/decisions-verified-from-now-on.json",
        "0.1/approval-approved.json",
    ),
    "perdure-verified-decisions": (
        "0.2/decisions-verified.json",
        "0.1/approval-approved.json",
    ),
}
"""By the id of the patch: a history that was made with it, and one from before. Ids never change.

Of ids that end in a number, the number is left out."""


def patch_ids() -> set[str]:
    """Find the ids of all patches in the code."""
    return {found for place in ("shared", "services") for file in (_ROOT / place).rglob("*.py") for found in _in(file)}


def _in(file: Path) -> Iterator[str]:
    """Find the ids in one file; each is a constant of the module that asks."""
    text = file.read_text()
    if "patched(" not in text:
        return
    tree = ast.parse(text)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "patched":
            [asked] = node.args
            if isinstance(asked, ast.JoinedStr):  # an id for each of many: a constant, a hyphen and a number
                asked = getattr(asked.values[0], "value", asked)
            yield str(constants[asked.id] if isinstance(asked, ast.Name) else ast.literal_eval(asked))
