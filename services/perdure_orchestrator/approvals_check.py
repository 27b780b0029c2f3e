"""Checks approvers and policies when the orchestrator starts, and again whenever the approvers file changes."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import rfc8785

from perdure.approvers import ApproversFile, Directory, WrongApprovers, policy_problems, silence_problems
from perdure.bus import Bus
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.settings import Settings
from perdure.config.yaml_file import source_position
from perdure.contracts import PoliciesRead
from perdure.errors import SetupError, Unavailable
from perdure_orchestrator.policy_start import condition_problems, unusable_policies

__all__ = ["approval_problems", "record_policies", "refuse_approvals", "watch_approvers"]

_EVERY: Final = 5.0  # seconds between looks at the file; decisions read it anew themselves

_log = logging.getLogger(__name__)


def approval_problems(settings: Settings, known: Directory) -> Iterator[Problem]:
    """Yield what keeps each policy from being met, and where an approval by silence would reach nobody."""
    yield from _problems_of_all(condition_problems(settings))
    yield from _problems_by_approvers(settings, known)


def _problems_of_all(found: Iterator[str]) -> Iterator[Problem]:
    yield from (Problem(where=source_position("approvals", "policies"), what=what) for what in found)


def _problems_by_approvers(settings: Settings, known: Directory) -> Iterator[Problem]:
    """Yield what depends on the approvers file, and on the time: delegations and keys begin and end by it."""
    yield from _problems_of_all(unusable_policies(settings, known))
    now = datetime.now(UTC)
    for workflow, policy in settings.approvals.policies.items():
        one = {workflow: policy}
        for what in (*policy_problems(one, known, now), *silence_problems(one, known, settings.notifier, now)):
            yield Problem(where=source_position("approvals", "policies", workflow), what=what)


def refuse_approvals(settings: Settings) -> None:
    """Refuse to start with an approvers file that is wrong, or with policies that nobody can meet.

    A file that cannot be read or is gone is an outage instead: decisions wait for it, and all else goes on.

    Raises:
        SetupError: Something is wrong, with a sentence for each problem.
    """
    try:
        known = ApproversFile(settings.approvers_file).current()
    except WrongApprovers:
        raise
    except SetupError as error:
        _log.error("%s", error)
        return
    if problems := list(approval_problems(settings, known)):
        raise InvalidConfiguration(*problems)


async def record_policies(settings: Settings, bus: Bus) -> None:
    """Publish the policies of this start on ADMIN.

    Raises:
        Unavailable: The bus does not store the record.
    """
    policies = settings.approvals.policies
    content = {name: policy.model_dump(mode="json") for name, policy in policies.items()}
    digest = sha256(rfc8785.dumps(content)).hexdigest()
    await bus.publish(PoliciesRead(digest=digest, policies=dict(policies), at=datetime.now(UTC)))


async def watch_approvers(approvers: RecordedApprovers, settings: Settings, *, every: float = _EVERY) -> None:
    """Record each version of the approvers file, and log what is wrong with it and with the policies, for ever.

    Args:
        approvers: The file.
        settings: The configuration, with the policies.
        every: Seconds between looks at the file.
    """
    logged: list[str] | None = None
    of_conditions = [str(problem) for problem in _problems_of_all(condition_problems(settings))]  # once: they stay
    while True:
        try:
            known = (await approvers.version()).directory
        except Unavailable as error:
            problems = [str(error)]
        else:
            problems = [*of_conditions, *(str(problem) for problem in _problems_by_approvers(settings, known))]
        if problems != logged:
            for problem in problems:
                _log.error("%s", problem)
            logged = problems
        await asyncio.sleep(every)
