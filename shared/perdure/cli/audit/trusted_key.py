"""The key of the ledger by which a verification judges: whose it is decides what it proves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.errors import SetupError, WrongArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.config.settings import Settings
    from perdure.ledger import Verifier
    from perdure.record.seen import Seen

__all__ = ["TrustedKey", "named_key", "own_key", "trusted_key"]


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A verifier key, and why it is trusted.

    Attributes:
        verifier: The key.
        source: Where it comes from.
        first_use: Whether it came with what is verified: whoever forged the one can have made the other.
    """

    verifier: Verifier
    source: str
    first_use: bool = False


def trusted_key(option: str | None, settings: Settings, seen: Seen | None, claimed: Sequence[Verifier]) -> TrustedKey:
    """Return the key to trust: that of the command line, of this suite, of an earlier look, or of the record itself.

    Raises:
        WrongArgument: There is none, or the option names none.
        SetupError: The suite's key cannot be read.
    """
    from perdure.ledger import Verifier

    if option is not None:
        return TrustedKey(named_key(option), "--key")
    if (own := own_key(settings)) is not None:
        return TrustedKey(own, f"the key of this suite, {settings.ledger_key}")
    if seen is not None:
        return TrustedKey(Verifier.parse(seen.key), "the key seen before")
    if claimed:
        return TrustedKey(claimed[0], "trusted on first use: the key came with the record", first_use=True)
    raise WrongArgument("Name the ledger's key: --key. `perdure audit key` prints it where the audit service runs.")


def own_key(settings: Settings) -> Verifier | None:
    """Return the key of the ledger that is configured here; None if only the audit service elsewhere has it.

    Raises:
        SetupError: The file holds none, or may not be read by this user.
    """
    from perdure.ledger import BadNote
    from perdure.ledger.key_text import read_signer

    try:
        return read_signer(settings.ledger_key.read_text(encoding="utf-8")).verifier
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError, BadNote) as error:
        raise SetupError(f"{settings.ledger_key} holds no key of the ledger: {error}") from error


def named_key(option: str) -> Verifier:
    """Return the key that an option gives, or the first one in the file that it names.

    Raises:
        WrongArgument: There is none.
    """
    from perdure.ledger import BadNote, Verifier

    try:
        file = Path(option)
        text = file.read_text(encoding="utf-8").partition("\n")[0] if file.is_file() else option
        return Verifier.parse(text)
    except (OSError, UnicodeError, BadNote) as error:
        raise WrongArgument(f"--key {option[:200]} is no verifier key of a ledger, and no file with one.") from error
