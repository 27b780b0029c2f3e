"""``perdure runs signal``: sends a signal over the bus, to one run or to many."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.completion import complete_run
from perdure.cli.json_argument import parse_json, read_text
from perdure.cli.output import console
from perdure.cli.runs.acting import ActChoice, ActId, DryRun, ManyRuns, Reason, Yes, act_on_runs
from perdure.errors import NotFound
from perdure.values.reserved import is_reserved, reserved_text

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 sent, 3 its run has not begun, 4 no such run. "
        'Example: perdure runs signal content-42 approve \'{"reviewer": "ann"}\'\n\n'
        'perdure runs signal --where \'CustomerId = "ACME"\' stop --reason "left us"'
    )
    def signal(  # noqa: PLR0913 (each is a flag)
        words: Annotated[
            list[str],
            typer.Argument(
                metavar="[RUN] NAME [ARGUMENT]",
                help="The run, unless --where finds them; the signal; its argument, JSON, or - for standard input.",
                show_default=False,
                autocompletion=complete_run,
            ),
        ],
        where: ManyRuns = None,
        reason: Reason = "",
        act: ActId = None,
        *,
        early: Annotated[bool, typer.Option("--early", help="Send it though no run of this id is known yet.")] = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        """Send a signal to runs; each receives it once."""
        run, name, body = _read(words, is_many=where is not None)
        if run is None:
            choice = ActChoice(None, where, reason, act, dry_run=dry_run, yes=yes, as_json=as_json)
            act_on_runs("signal", choice, lambda acts, target: acts.signal(target, name, body))
            return
        workflow_id, sequence = run_command(_send(run, name, body, early=early, act=act, reason=reason))
        if as_json:
            sent: JsonValue = {"workflow_id": workflow_id, "signal": name, "stream_sequence": sequence}
            console.out(json.dumps(sent), highlight=False)
        else:
            console.print(f"Sent {name} to {workflow_id} (SIGNALS {sequence}).", markup=False)


def _read(words: list[str], *, is_many: bool) -> tuple[str | None, str, bytes]:
    """Return the run, None for many, the name of the signal, and its body."""
    rest = words if is_many else words[1:]
    if not 1 <= len(rest) <= 2:  # noqa: PLR2004 (the name, and an argument)
        raise typer.BadParameter("write [RUN] NAME [ARGUMENT]: the run, unless --where finds them, then the signal")
    if is_reserved(rest[0]):
        raise typer.BadParameter(reserved_text("signal", rest[0]))
    body = b"" if len(rest) == 1 else json.dumps(parse_json(read_text(rest[1]))).encode()
    return None if is_many else words[0], rest[0], body


async def _send(  # noqa: PLR0913 (each is a flag)
    run: str, name: str, body: bytes, *, early: bool, act: str | None, reason: str
) -> tuple[str, int]:
    from perdure.bus import RawMessage
    from perdure.bus.views.run_lookup import RunNotBegun, find_run
    from perdure.client.run_acts import RunActs, Target, new_act_id
    from perdure.contracts import to_token
    from perdure.local.approver import login_name

    async with open_bus() as bus:
        try:
            workflow_id = await find_run(bus, run)
        except (NotFound, RunNotBegun) as error:
            planned = error.run if isinstance(error, RunNotBegun) else run
            if planned is None:
                raise
            if not early:
                raise type(error)(
                    f"{error} A signal may come before its run: with --early it is sent to {planned}, and waits there."
                ) from error
            workflow_id = planned  # a dead letter follows if no run begins in time
        subject = f"signals.{to_token(workflow_id)}.{to_token(name)}"
        sequence = await bus.publish_raw(RawMessage(subject, body, {}))
        acts = RunActs(bus, act or new_act_id(), login_name(), reason)
        await acts.record("signalled", Target(workflow_id), signal=name)
        return workflow_id, sequence
