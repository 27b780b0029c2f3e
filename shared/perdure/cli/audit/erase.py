"""``perdure audit erase``: takes the content about somebody out of all that Perdure keeps; the leaves stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console
from perdure.errors import WrongArgument
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.client.erasing import Erased
    from perdure.client.erasure_plan import ErasurePlan
    from perdure.contracts import Erasure

__all__ = ["register"]

_EXAMPLE: Final = 'perdure audit erase Order~42 --act --by "Ada, privacy" --why "request 2026-17"'
_SHOWN: Final = 20  # runs


def register(audit: typer.Typer) -> None:
    """Add the command to ``perdure audit``."""

    @audit.command(epilog=f"Example: {_EXAMPLE}")
    def erase(  # noqa: PLR0913 (each is a flag)
        what: Annotated[
            str | None,
            typer.Argument(help="A run, event or request by its whole id, or STREAM:SEQUENCE.", show_default=False),
        ] = None,
        containing: Annotated[
            str | None, typer.Option("--containing", metavar="TEXT", help="All messages with this text, in its place.")
        ] = None,
        by: Annotated[str, typer.Option(help="Who erases, for the record.", show_default=False)] = "",
        why: Annotated[str, typer.Option(help="Why, for the record: name nobody here.", show_default=False)] = "",
        *,
        act: Annotated[bool, typer.Option("--act", help="Do it; without, print what would go.")] = False,
        as_json: Json = False,
    ) -> None:
        """Erase the content about an event, a run or a person.

        It goes from each message to its run and events, and to all messages about these. Without --act nothing is
        changed. Open runs are left. What was ordered before and not done is done first, also without WHAT.
        """
        if act and not (by and why):
            raise WrongArgument("Say who erases and why: --by WHO --why TEXT. ADMIN keeps both for ever.")
        if "" in {it if it is None else it.strip() for it in (what, containing)}:
            raise WrongArgument("An empty text is in every message: name what to erase, or a text by --containing.")
        run_command(_erase(what, containing, by=by, why=why, act=act, as_json=as_json))


async def _erase(  # noqa: PLR0913 (each is a flag)
    what: str | None, containing: str | None, *, by: str, why: str, act: bool, as_json: bool
) -> None:
    from perdure.bus import NatsKeyValue
    from perdure.client.erasing import ContentBuckets, carry_out, finish, order_erasure, settle
    from perdure.client.erasure_plan import plan_erasure

    async with open_bus() as bus:
        state = ContentBuckets(NatsKeyValue(bus.js, "VERIFICATIONS"), NatsKeyValue(bus.js, "NOTICES"))
        if act:
            async for order, erased in finish(bus, state):
                _print_erased(order, erased, as_json=as_json)
            if what is None and containing is None:
                return
            await settle(bus)
        plan = await plan_erasure(bus, what, containing=containing)
        _print_plan(plan, act=act, as_json=as_json)
        if act:
            for sequence, order in await order_erasure(bus, plan, by=by, why=why):
                _print_erased(order, await carry_out(bus, state, sequence, order), as_json=as_json)


def _print_plan(plan: ErasurePlan, *, act: bool, as_json: bool) -> None:
    from perdure.client.erasure_limits import STAYS

    if as_json:
        fields = {
            "messages": [it.place for it in plan.messages],
            "leaves": [it.leaf for it in plan.messages],
            "erased_before": sum(it.is_erased for it in plan.messages),
            "streams": plan.streams,
            "runs": [*plan.runs],
            "open_runs": plan.open_runs,
            "left": plan.left,
            "stays": [*STAYS],
        }
        console.out(json.dumps(fields, ensure_ascii=False), highlight=False)
        return
    counts = ", ".join(f"{count:,} of {stream}" for stream, count in plan.streams.items())
    _line(f"{'Erases' if act else 'Would erase'} {len(plan.messages):,} messages: {counts or 'none'}.")
    _line(f"Runs that Temporal forgets: {_listed(plan.runs)}.")
    for run, reason in plan.open_runs.items():
        _line(f"Left: the run {run}, {reason}. End it, then erase again.")
    if plan.left:
        _line(f"Left: {plan.left:,} messages about these runs.")
    if not act:
        _line("What stays:")
        for sentence in STAYS:
            _line(f"- {sentence}")
        _line("Nothing was changed. Erase with --act --by WHO --why TEXT.")


def _print_erased(order: Erasure, erased: Erased, *, as_json: bool) -> None:
    if as_json:
        counts = {name: getattr(erased, name) for name in ("records", "messages", "runs", "payloads")}
        done = {"erasure": order.id, "part": order.part, **counts, "left": erased.left}
        console.out(json.dumps(done, ensure_ascii=False), highlight=False)
        return
    _line(
        f"Erased {erased.records:,} records, {erased.messages:,} messages of streams, {erased.runs:,} runs and "
        f"{erased.payloads:,} large payloads: erasure {order.id} on ADMIN."
    )
    for sentence in erased.left:
        _line(f"Left: {sentence}")


def _listed(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - _SHOWN:,} more" if len(runs) > _SHOWN else ""
    return f"{', '.join(runs[:_SHOWN])}{more}" if runs else "none"


def _line(text: str) -> None:
    console.print(one_line(text), soft_wrap=True, markup=False)
