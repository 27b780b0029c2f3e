"""``perdure explain``: what became of something, why, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.exit_codes import NOT_FOUND, UNREACHABLE
from perdure.cli.output import cell, console, facts_text
from perdure.errors import NotFound, PerdureError, Unavailable
from perdure.local.absence import refuse_absent_suite
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.bus import NatsBus
    from perdure.bus.content import Content
    from perdure.explain import Explanation, Sentence

__all__ = ["register"]

_A_LONG_READ: Final = 60.0  # seconds: nobody else is asked

_EXIT_CODES = (
    "Exit codes: 0 explained, 1 the ledger shows another history than before, 4 nothing has this id, "
    "75 what would know it does not answer. Example: perdure explain --why-not Orders EVENTS:42"
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=_EXIT_CODES)
    def explain(
        what: Annotated[
            str,
            typer.Argument(
                metavar="WHAT",
                help="An event, run, request or decision id, a dead letter's number, or STREAM:SEQUENCE.",
                show_default=False,
            ),
        ],
        why_not: Annotated[
            str | None, typer.Option(metavar="ROUTE", help="Why this route did not take the event WHAT.")
        ] = None,
        offline: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Read an export of the record, and ask nothing else.")
        ] = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Explain what became of an event, run, request or decision.

        Three sentences come first: what became of it, why, and what to do. The evidence follows, each fact with its
        place.
        """
        found = _asked(what, why_not) if offline is None else run_command(_explain_offline(what, why_not, offline))
        if as_json:
            console.out(json.dumps(_json(found)), highlight=False)
        else:
            _print(found)
        if found.answer.cause == "unknown":
            raise typer.Exit(NOT_FOUND)
        if found.answer.cause == "silent":
            raise typer.Exit(UNREACHABLE)


def _asked(what: str, route: str | None) -> Explanation:
    """Ask the suite.

    Raises:
        Unavailable: There is none, or its NATS does not answer; the message names the record instead.
    """
    try:
        refuse_absent_suite()
        return run_command(_explain(what, route))
    except Unavailable as error:
        raise Unavailable(f"{error} An export of the record explains it too: `--offline DIR`.") from error


async def _explain(what: str, route: str | None) -> Explanation:
    """Ask the streams and services; each leaf is proven, by a ledger that grew from what was seen of it.

    Raises:
        LedgerForked: It did not.
        NotFound: It was erased.
        Unavailable: NATS does not answer.
    """
    from perdure.bus import NatsKeyValue
    from perdure.bus.views.erasures import erasures
    from perdure.bus.views.snapshots import AskedSources, snapshot_of
    from perdure.cli.witnessing import new_witness
    from perdure.explain import explained

    async with open_bus() as bus:
        sources = AskedSources(bus, bus.request, NatsKeyValue(bus.js, "BRIDGE"))
        ordered = await erasures(bus)
        erased = ordered.of(what) or ordered.of(f"DLQ:{what}")
        if erased is not None and not await _came_again(bus, what):
            raise NotFound(f"{what} was {erased.sentence}.")
        found = explained(await snapshot_of(sources, what, route=route))
        proven = await sources.search("audit", new_witness(bus).proofs(found.places, within=0), {})
        leaves = {place: it.proof.index for place, it in proven.items()}
        return found.with_leaves(leaves, silent=tuple(sources.silent))


async def _explain_offline(what: str, route: str | None, folder: Path) -> Explanation:
    from perdure.bus.views.snapshots import AskedSources, snapshot_of
    from perdure.explain import explained
    from perdure.record.export import Export
    from perdure.record.export_files import FolderFiles
    from perdure.record.layout import DamagedExport
    from perdure.record.recorded_streams import RecordedStreams

    try:
        streams = RecordedStreams(Export(FolderFiles(folder)).records(), _content())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"No export of a record lies in {folder}.") from error
    except DamagedExport as error:
        raise PerdureError(f"The export in {folder} is damaged: {error}") from error
    sources = AskedSources(streams, within=_A_LONG_READ)
    found = explained(await snapshot_of(sources, what, route=route))
    return found.with_leaves(streams.leaves_of(found.places))


def _content() -> Content:
    """Return what decrypts the content of facts, if there is a project here."""
    from perdure.bus.content import content_of
    from perdure.config.loader import load_settings

    return content_of(load_settings())


async def _came_again(bus: NatsBus, what: str) -> bool:
    """Return whether an event or run of this id, or a message at this place, is there that came after the erasure."""
    from perdure.bus.topology import STREAMS
    from perdure.bus.views.event_runs import find_event
    from perdure.contracts import to_token

    stream, _, sequence = what.partition(":")
    if stream in STREAMS and sequence.isdecimal():
        return await bus.get(stream, int(sequence)) is not None
    return bool(await bus.last(f"progress.*.{to_token(what)}") or await find_event(bus, what))


def _print(found: Explanation) -> None:
    answer = found.answer
    for sentence in (answer.became, answer.why, answer.remedy):
        console.print(cell(str(sentence)), soft_wrap=True)
    facts = [(it.part, one_line(str(it.fact))) for it in found.evidence]
    if missing := _behind(found):
        facts.append(("audit", f"has not signed yet: {', '.join(missing)}"))
    if found.unrecorded:
        facts.append(
            ("unrecorded", f"{', '.join(found.unrecorded)}: not in a record, so what they know is missing here")
        )
    if found.silent:
        facts.append(("silent", f"{', '.join(found.silent)}: no answer in time, so what they know is missing here"))
    if facts:
        console.print()
        console.print(facts_text(facts), soft_wrap=True)


def _behind(found: Explanation) -> list[str]:
    """Return what the audit service shall record, and has in no checkpoint yet."""
    from perdure.bus.topology import STREAMS

    if "audit" in found.silent:
        return []
    return [place for place in found.without_leaf if place.partition(":")[0] in STREAMS]


def _json(found: Explanation) -> dict[str, JsonValue]:
    answer = found.answer
    return {
        "asked": found.asked,
        "about": found.about,
        "cause": answer.cause,
        "became": _sentence(answer.became),
        "why": _sentence(answer.why),
        "remedy": _sentence(answer.remedy),
        "evidence": [{"part": it.part, **_sentence(it.fact)} for it in found.evidence],
        "silent": [*found.silent],
        "unrecorded": [*found.unrecorded],
    }


def _sentence(sentence: Sentence) -> dict[str, JsonValue]:
    return {"text": sentence.text, "places": [*sentence.places], "leaves": [*sentence.leaves]}
