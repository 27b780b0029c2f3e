"""``perdure audit verify``: whether a record is whole, complete and fresh, without trusting who keeps it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.audit.checked_file import CheckedFile, check_file
from perdure.cli.audit.records import OpenedRecord, open_record
from perdure.cli.audit.temporal_check import refuse_other_ledger, with_temporal
from perdure.cli.audit.trusted_key import TrustedKey, own_key, trusted_key
from perdure.cli.audit.verdict_text import VerifiedRecord, verdict_json, verdict_lines
from perdure.cli.client import Json
from perdure.cli.exit_codes import NO
from perdure.cli.output import cell, console
from perdure.errors import Unavailable, WrongArgument
from perdure.runtime.stderr import print_error, show_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.config.settings import Settings
    from perdure.ledger import Discrepancy, Witnessed
    from perdure.record.seen import Seen

__all__ = ["register"]

_SEEN_BEFORE: Final = "this client, seen before,"
_EXIT_CODES: Final = (
    "Exit codes: 0 all three hold, 1 one does not, 4 there is no record, 75 it cannot be reached. "
    "Example: perdure audit verify ./record --known their-checkpoint --key ledger.vkey"
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=_EXIT_CODES)
    def verify(  # noqa: PLR0913 (each is a flag)
        what: Annotated[
            str | None,
            typer.Argument(
                metavar="DIR|URL|FILE",
                help="An export, a receipt or evidence; by default, the audit database.",
                show_default=False,
            ),
        ] = None,
        database: Annotated[
            str | None, typer.Option(metavar="URL", help="An audit database; by default, the configured one.")
        ] = None,
        known: Annotated[
            list[Path] | None,
            typer.Option(metavar="FILE", help="Checkpoints that somebody has kept, or a .tlog-proof."),
        ] = None,
        key: Annotated[
            str | None, typer.Option(metavar="VKEY|FILE", help="The ledger's key, from whom you trust.")
        ] = None,
        *,
        temporal: Annotated[
            bool, typer.Option("--temporal", help="Compare with Temporal's histories too, by the suite.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Verify that a record is whole, complete and fresh.

        It is compared with every signed checkpoint that is known: its own, those on the bus, the last one that you
        have seen, and those of --known. Nothing is trusted but the key. A receipt (.tlog-proof) and a file of evidence
        are checked by themselves.
        """
        from perdure.config.loader import load_settings

        settings = load_settings()
        if what is not None and Path(what).is_file():
            if database is not None or known or temporal:
                raise WrongArgument(f"{what} is a file, which is checked by itself: only --key and --json go with it.")
            _print_checked(check_file(Path(what), key, settings), as_json=as_json)
            return
        record = open_record(what, database, key, settings)
        if record.silent:
            print_error(f"perdure: the checkpoints on the bus are not compared: {record.silent}")
        seen, trusted = _judged_by(record, key, settings)
        if temporal:
            refuse_other_ledger(record, trusted, own_key(settings))
        result = _verified(record, trusted, [*_known(known or [])], seen)
        _print_verified(with_temporal(result) if temporal else result, as_json=as_json)
        if own_key(settings) == trusted.verifier:
            _remember(settings, record, trusted, seen)


def _judged_by(record: OpenedRecord, key: str | None, settings: Settings) -> tuple[Seen | None, TrustedKey]:
    """Return the last checkpoint that was seen of a record's ledger, and the key to trust."""
    from perdure.record.seen import SeenCheckpoints

    seen = SeenCheckpoints.of_suite(settings.state).newest(record.ledger)
    trusted = trusted_key(key, settings, seen, record.claimed)
    if seen is not None and trusted.verifier != own_key(settings) and seen.key != str(trusted.verifier):
        seen = None  # of another ledger with this name
    return seen, trusted


def _print_verified(result: VerifiedRecord, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps(verdict_json(result)), highlight=False)
    else:
        for line in verdict_lines(result):
            console.print(cell(line), soft_wrap=True)
    if result.faults:
        raise typer.Exit(NO)


def _verified(record: OpenedRecord, trusted: TrustedKey, known: list[Witnessed], seen: Seen | None) -> VerifiedRecord:
    from perdure.ledger import BadNote, Discrepancy, KeyChain
    from perdure.record.known_notes import witnessed
    from perdure.record.verified import verified

    heads = [*known]  # first: from what others have kept on, a fault is named
    unreadable: list[Discrepancy] = []
    for note in record.notes:
        try:
            heads += witnessed([note.note], record.source)
        except BadNote as error:
            unreadable.append(Discrepancy("integrity", None, f"Checkpoint {note.sequence} is none: {error}"))
    if seen is not None:
        heads += witnessed([seen.note], _SEEN_BEFORE)

    def report(done: int) -> None:
        show_progress(f"{done:,} of {record.parts.size:,} leaves")

    try:
        verification, faults = verified(record.parts, heads, KeyChain(trusted.verifier), report)
    except OSError as error:
        raise Unavailable(str(error)) from error
    finally:
        show_progress("")
    compared = Counter(head.source.rstrip(",") for head in heads)
    return VerifiedRecord(record, trusted, compared, verification, [*unreadable, *faults])


def _known(files: list[Path]) -> Iterator[Witnessed]:
    from perdure.ledger import BadNote
    from perdure.record.known_notes import known_notes, witnessed

    for file in files:
        try:
            yield from witnessed(known_notes(file.read_text(encoding="utf-8")), str(file))
        except (OSError, UnicodeError, BadNote) as error:
            raise WrongArgument(f"--known {file}: {error}") from error


def _remember(settings: Settings, record: OpenedRecord, trusted: TrustedKey, seen: Seen | None) -> None:
    """Keep the newest checkpoint of this suite's ledger, from which all that is shown later must have grown."""
    from perdure.ledger import BadNote, read_checkpoint
    from perdure.record.seen import Seen, SeenCheckpoints

    newest = max((note.note for note in record.notes), key=lambda note: read_checkpoint(note).size, default=None)
    if newest is None or (seen is not None and read_checkpoint(newest).size <= read_checkpoint(seen.note).size):
        return
    shown = Seen(str(trusted.verifier), newest)
    try:
        shown.opened()
    except BadNote:
        return  # the ledger has just got another key, and no checkpoint of it is there yet
    SeenCheckpoints.of_suite(settings.state).replace(record.ledger, seen, shown)


def _print_checked(checked: CheckedFile, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps(checked.as_json()), highlight=False)
    else:
        for line in checked.all_lines():
            console.print(cell(line), soft_wrap=True)
    if checked.faults:
        raise typer.Exit(NO)
