"""Creates the keys of a local suite: one for its user as approver, one for its notifier as signing proxy."""

import getpass

from perdure.approvers import Approver, ApproversFile, Directory, PublicKey, SigningKey
from perdure.approvers.enrolment import enrol
from perdure.config.settings import Settings

__all__ = ["ensure_approver", "ensure_notifier", "known_approvers"]


def ensure_approver(settings: Settings) -> None:
    """Enrol the login user as an approver, unless an approvers file exists or the configuration names one."""
    if _is_missing(settings):
        enrol(ApproversFile(settings.approvers_file), settings.keys_folder, _login_name())


def known_approvers(settings: Settings) -> Directory:
    """Return the approvers; before the first start of a local suite, the one whom ``ensure_approver`` will enrol.

    Raises:
        SetupError: The approvers file cannot be read.
    """
    if settings.execution_engine == "local" and _is_missing(settings):
        key = PublicKey(public=SigningKey.new().public)
        return Directory(approvers={_login_name(): Approver(keys=(key,))})
    return ApproversFile(settings.approvers_file).current()


def ensure_notifier(settings: Settings) -> None:
    """Enrol the notifier's key if a channel takes answers and the configuration names no key or approvers file."""
    key, wanted = settings.notifier_key, settings.notifier.accepts_decisions and settings.notifier.key_file is None
    if wanted and settings.approvals.approvers is None and not key.exists():
        enrol(ApproversFile(settings.approvers_file), key.parent, key.stem, proxy=True)


def _is_missing(settings: Settings) -> bool:
    return settings.approvals.approvers is None and not settings.approvers_file.exists()


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have no name
        return "operator"
