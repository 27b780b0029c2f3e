"""Creates the keys of a local suite: one for its user as approver, one for its notifier as signing proxy."""

import getpass
from typing import Final

from perdure.approvers import Approver, ApproversFile, Directory, PublicKey, SigningKey
from perdure.approvers.enrolment import enrol
from perdure.approvers.keys import is_encrypted
from perdure.config.private_folder import private_folder
from perdure.config.settings import Settings

__all__ = ["ONE_PERSON", "ensure_approver", "ensure_notifier", "known_approvers", "login_name", "unprotected_key"]

ONE_PERSON: Final = (
    "The key of {} is not encrypted: on this machine agent and approver are one person, for whatever runs as this user "
    "can sign with it."
)


def ensure_approver(settings: Settings) -> None:
    """Enrol the login user as an approver, unless an approvers file exists or the configuration names one.

    The key is not encrypted, for nobody may be there to ask: ``unprotected_key`` says so.
    """
    if _is_missing(settings):
        enrol(ApproversFile(settings.approvers_file), settings.keys_folder, login_name())


def unprotected_key(settings: Settings) -> str | None:
    """Return a sentence if an approver's key on this machine can be read by whatever runs as the same user."""
    folder = settings.keys_folder
    open_keys = sorted(file.stem for file in folder.glob("*.pem") if "~" not in file.stem and not is_encrypted(file))
    if not open_keys:
        return None
    where = f" {folder} lies in the state folder: move it to {private_folder(settings.state) / 'keys'}."
    return (
        f"{ONE_PERSON.format(', '.join(open_keys))}{where if folder == settings.state / 'keys' else ''} "
        f"`perdure approvers rotate {open_keys[0]} --protect passphrase` makes one that is encrypted."
    )


def known_approvers(settings: Settings) -> Directory:
    """Return the approvers; before the first start of a local suite, the one whom ``ensure_approver`` will enrol.

    Raises:
        SetupError: The approvers file cannot be read.
    """
    if settings.execution_engine == "local" and _is_missing(settings):
        key = PublicKey(public=SigningKey.new().public)
        return Directory(approvers={login_name(): Approver(keys=(key,))})
    return ApproversFile(settings.approvers_file).current()


def ensure_notifier(settings: Settings) -> None:
    """Enrol the notifier's key if a channel takes answers and the configuration names no key or approvers file."""
    key, wanted = settings.notifier_key, settings.notifier.accepts_decisions and settings.notifier.key_file is None
    if wanted and settings.approvals.approvers is None and not key.exists():
        enrol(ApproversFile(settings.approvers_file), key.parent, key.stem, proxy=True)


def _is_missing(settings: Settings) -> bool:
    return settings.approvals.approvers is None and not settings.approvers_file.exists()


def login_name() -> str:
    """Return the login name of whoever runs this process. Nobody authenticates it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have no name
        return "operator"
