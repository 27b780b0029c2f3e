"""What is wrong with the approval policies before any request opens under them."""

from collections.abc import Iterator

from perdure.approvers import ApproversFile
from perdure.approvers.operator_policies import OperatorPolicies, undecided_proxies
from perdure.config.settings import Settings
from perdure.errors import SetupError

__all__ = ["refuse_policies", "unusable_policies"]


def refuse_policies(settings: Settings) -> None:
    """Check the policies.

    Raises:
        SetupError: A condition is wrong, or a policy does not say what proxies may sign.
    """
    if problems := list(unusable_policies(settings)):
        raise SetupError("\n  ".join(problems))


def unusable_policies(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each problem."""
    policies = settings.approvals.policies
    try:
        OperatorPolicies(policies)
    except SetupError as error:
        yield str(error)
    yield from undecided_proxies(policies, _proxies(settings))


def _proxies(settings: Settings) -> set[str]:
    """Return the proxies in the approvers file, and the notifier if a channel lets people decide."""
    own = {settings.notifier_key.stem} if settings.notifier.accepts_decisions else set[str]()
    try:
        return {*ApproversFile(settings.approvers_file).current().proxies, *own}
    except SetupError:  # the file that cannot be read keeps decisions waiting, and `perdure doctor` reports it
        return own
