"""What is wrong with the approval policies before any request opens under them."""

from collections.abc import Iterator

from perdure.approvers import Directory
from perdure.approvers.operator_policies import OperatorPolicies, undecided_proxies
from perdure.config.settings import Settings
from perdure.errors import SetupError

__all__ = ["condition_problems", "unusable_policies"]


def unusable_policies(settings: Settings, known: Directory) -> Iterator[str]:
    """Yield a sentence for each policy that does not say what proxies may sign, although there are some."""
    own = {settings.notifier_key.stem} if settings.notifier.accepts_decisions else set[str]()
    yield from undecided_proxies(settings.approvals.policies, {*known.proxies, *own})


def condition_problems(settings: Settings) -> Iterator[str]:
    """Yield a sentence if a condition is wrong, or demands what nobody can meet; this compiles all of them."""
    try:
        OperatorPolicies(settings.approvals.policies)
    except SetupError as error:
        yield str(error)
