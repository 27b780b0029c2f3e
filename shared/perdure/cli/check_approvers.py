"""``perdure doctor`` on approvals: is the approvers file read, and can each policy be met?"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from perdure.approvers import policy_problems
from perdure.cli.finding import Finding
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.approver import known_approvers, unprotected_key
from perdure.local.modules import registered_workflows

__all__ = ["check_approvers"]


async def check_approvers(settings: Settings) -> list[Finding]:
    """Check the approvers file, the policies, and the modules whose workflows they name."""
    try:
        known = known_approvers(settings)
    except SetupError as error:
        wrong = str(error).rstrip(".\n ")
        advice = "Fix the file; `perdure approvers list` shows whether it is read."
        kept = "Until then no decision is judged and no request expires."
        return [Finding("approvers", good=False, detail=f"{wrong}. {kept} {advice}")]
    count = f"knows {len(known.approvers)}"
    count = count if settings.approvers_file.exists() else "does not exist yet, and knows nobody"
    found = [Finding("approvers", good=True, detail=f"{settings.approvers_file} {count}")]
    if settings.execution_engine == "local" and (risk := unprotected_key(settings)):
        found.append(Finding("approver keys", good=True, detail=risk))
    policies = settings.approvals.policies
    if not policies:
        return found
    try:
        workflows: Collection[str] | None = await registered_workflows()
    except SetupError as error:
        workflows = None
        found.append(Finding("workflow modules", good=False, detail=str(error)))
    problems = policy_problems(policies, known, datetime.now(UTC), workflows=workflows)
    return [*found, *_policies(problems, len(policies))]


def _policies(problems: list[str], count: int) -> Iterator[Finding]:
    if not problems:
        yield Finding("approval policies", good=True, detail=f"{count}; each can be met")
    yield from (Finding("approval policies", good=False, detail=problem) for problem in problems)
