"""Whoever starts a local engine may approve, and its notifier may sign for people: with keys in the state folder."""

import getpass

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.config.settings import Settings

__all__ = ["ensure_approver", "ensure_notifier"]


def ensure_approver(settings: Settings) -> None:
    """Make the approver, unless there is an approvers file already or the configuration names one."""
    if settings.approvals.approvers is None and not settings.approvers_file.exists():
        enrol(ApproversFile(settings.approvers_file), settings.keys_folder, _login_name())


def ensure_notifier(settings: Settings) -> None:
    """Make the notifier's key, if one of its channels takes answers, unless the operator looks after that."""
    key, wanted = settings.notifier_key, settings.notifier.accepts_decisions and settings.notifier.key_file is None
    if wanted and settings.approvals.approvers is None and not key.exists():
        enrol(ApproversFile(settings.approvers_file), key.parent, key.stem, proxy=True)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have no name
        return "operator"
