"""What is wrong with the approval policies before any request opens under them."""

from collections.abc import Iterator

from perdure.approvers import Directory
from perdure.approvers.operator_policies import OperatorPolicies, undecided_proxies
from perdure.config.settings import Settings
from perdure.errors import SetupError

__all__ = ["unusable_policies"]


def unusable_policies(settings: Settings, known: Directory) -> Iterator[str]:
    """Yield a sentence for each problem: a wrong condition, or a policy that does not say what proxies may sign."""
    policies = settings.approvals.policies
    try:
        OperatorPolicies(policies)
    except SetupError as error:
        yield str(error)
    own = {settings.notifier_key.stem} if settings.notifier.accepts_decisions else set[str]()
    proxies = {*known.proxies, *own}
    yield from undecided_proxies(policies, proxies)
