"""Whoever starts a local engine may approve: one approver, whose key lies in the state folder."""

import getpass

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.settings import Settings

__all__ = ["ensure_approver"]


def ensure_approver(settings: Settings) -> None:
    """Make the approver, unless there is an approvers file already or the configuration names one."""
    if settings.approvals.approvers is None and not settings.approvers_file.exists():
        enrol(ApproversFile(settings.approvers_file), settings.keys_folder, _login_name())


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have no name
        return "operator"
