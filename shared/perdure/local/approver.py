"""Creates the keys of a local suite: one for its user as approver, one for its notifier as signing proxy."""

import getpass

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.config.settings import Settings

__all__ = ["ensure_approver", "ensure_notifier"]


def ensure_approver(settings: Settings) -> None:
    """Enrol the login user as an approver, unless an approvers file exists or the configuration names one."""
    if settings.approvals.approvers is None and not settings.approvers_file.exists():
        enrol(ApproversFile(settings.approvers_file), settings.keys_folder, _login_name())


def ensure_notifier(settings: Settings) -> None:
    """Enrol the notifier's key if a channel takes answers and the configuration names no key or approvers file."""
    key, wanted = settings.notifier_key, settings.notifier.accepts_decisions and settings.notifier.key_file is None
    if wanted and settings.approvals.approvers is None and not key.exists():
        enrol(ApproversFile(settings.approvers_file), key.parent, key.stem, proxy=True)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have no name
        return "operator"
