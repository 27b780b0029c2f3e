"""The stories find a fault in each part that makes a decision count: each is planted here, one at a time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import JsonValue
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import Directory
from perdure.approvers.directory import Identity
from perdure.flow.approvals_host import ApprovalsHost
from perdure.flow.unverified_decisions import UnverifiedDecisions
from perdure_orchestrator.activities import verify_decisions
from perdure_orchestrator.interceptors.workflow_outbound import StepScheduler
from tests.support.scenario_ends import play_as_expected
from tests.support.scenario_player import ScenarioPlayer
from tests.support.scenarios.approvers import ScriptedApprovers
from tests.support.scenarios.fixed import FORGED, OVERTAKEN, RENEWED, REVOKED
from tests.support.scenarios.scenario import Scenario

pytestmark = pytest.mark.asyncio(loop_scope="session")

_IDENTIFY: Final = Directory.identify


def believe_everybody(_: Directory, __: Mapping[str, JsonValue], ___: datetime) -> Identity:
    return Identity(roles=(), stands_in_for=(), proxy=None, proxy_severities=(), key_id="0" * 16, own_roles=())


def know_no_revocation(directory: Directory, body: Mapping[str, JsonValue], _: datetime) -> Identity:
    return _IDENTIFY(directory, body, datetime(2026, 1, 2, tzinfo=UTC))


FAULTS: Final[dict[str, tuple[Any, str, Any, Scenario]]] = {
    "signals are believed": (UnverifiedDecisions, "takes_next", lambda _: False, FORGED),
    "signatures are not checked": (Directory, "identify", believe_everybody, FORGED),
    "revocations are not seen": (Directory, "identify", know_no_revocation, REVOKED),
    "decisions are judged as they arrive": (verify_decisions, "sorted", list, OVERTAKEN),
    "a continuation carries nothing": (StepScheduler, "continue_with_state", lambda _: None, RENEWED),
    "requests of earlier runs are forgotten": (ApprovalsHost, "_was_requested_before", lambda *_: False, RENEWED),
    "what earlier runs have judged is judged again": (UnverifiedDecisions, "skip", lambda *_: None, RENEWED),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_story_finds_it(
    environment: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    owner, name, planted, story = FAULTS[fault]
    monkeypatch.setattr(owner, name, planted, raising=False)

    with pytest.raises((AssertionError, TimeoutError)):
        await play_as_expected(ScenarioPlayer(environment, ScriptedApprovers(tmp_path / "approvers.yaml"), story))
