"""``perdure doctor`` on approvals: is the approvers file read, and can each policy be met?"""

from perdure.cli.finding import Finding
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.approver import known_approvers, unprotected_key
from perdure.local.check import check_configuration

__all__ = ["check_approvers"]


async def check_approvers(settings: Settings) -> list[Finding]:
    """Check the approvers file and, if there are policies, what they and the rest of the configuration name."""
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
    problems = await check_configuration(settings)
    if not problems:
        return [*found, Finding("approval policies", good=True, detail=f"{len(policies)}; each can be met")]
    return [*found, *(Finding("configuration", good=False, detail=str(problem)) for problem in problems)]
