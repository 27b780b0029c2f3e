"""One run: what became of it, its timeline, its requests, and what an operator can do."""

import json
from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from perdure.bus.views.request_record import request_records
from perdure.bus.views.run_index import run_progress
from perdure.client.run_acts import RunActs, Target, new_act_id
from perdure.contracts import to_token
from perdure.contracts.run_acts import RunAct
from perdure.values.reserved import is_reserved, reserved_text
from perdure_console.desk import Desk, desk_of
from perdure_console.explaining import explain
from perdure_console.form import read_form
from perdure_console.identity import Person, person_of
from perdure_console.pages import LivePage

__all__ = ["PAGE", "act"]

_SHOWN: Final = 300  # the newest facts
_ACTS: Final[tuple[RunAct, ...]] = ("cancel", "pause", "resume", "retry")
_LONGEST_REASON: Final = 2_000  # characters


async def _load(desk: Desk, _: Person, query: Mapping[str, str]) -> dict[str, Any]:
    run = query.get("id", "")
    facts = await run_progress(desk.bus, run)
    return {
        "facts": facts[-_SHOWN:],
        "left_out": max(0, len(facts) - _SHOWN),
        "newest": facts[-1],
        "found": await explain(desk, run),
        "records": await request_records(desk.bus, run, votes=False),
    }


async def _frame(_: Desk, __: Person, query: Mapping[str, str]) -> dict[str, Any]:
    return {"run": query.get("id", ""), "outcome": query.get("outcome", ""), "acts": _ACTS}


async def act(request: Request) -> Response:
    """Do what the form says to a run, as the operator who is logged in.

    Raises:
        HTTPException: The person is no operator (403), or the form is not whole (400).
    """
    desk, person, form = desk_of(request), person_of(request), await read_form(request)
    person.require("operator")
    run, reason = form.get("id", ""), form.get("reason", "").strip()
    if not reason or len(reason) > _LONGEST_REASON:
        raise HTTPException(400, f"Name a reason of at most {_LONGEST_REASON:,} characters: ADMIN keeps it.")
    acts = RunActs(desk.bus, new_act_id(), person.name, reason)
    target = Target(run, (await run_progress(desk.bus, run))[-1].run_id)
    chosen = next((it for it in get_args(RunAct) if it in _ACTS and it == form.get("act")), None)
    if chosen is not None:
        reply = await acts.act(chosen, target)
    elif form.get("act") == "signal":
        reply = await acts.signal(target, *_signal(form))
    else:
        raise HTTPException(400, f"Choose what to do: signal, {', '.join(_ACTS)}.")
    outcome = f"{form['act']}: {reply.outcome}. {reply.detail}"
    return RedirectResponse(f"/run?{urlencode({'id': run, 'outcome': outcome})}", status_code=303)


def _signal(form: Mapping[str, str]) -> tuple[str, bytes]:
    name, argument = form.get("signal", "").strip(), form.get("argument", "").strip()
    if not name:
        raise HTTPException(400, "Name the signal.")
    if is_reserved(name):
        raise HTTPException(400, reserved_text("signal", name))
    try:
        return name, json.dumps(json.loads(argument)).encode() if argument else b""
    except ValueError as error:
        raise HTTPException(400, f"The argument of the signal is not JSON: {error}.") from error


def _patterns(query: Mapping[str, str]) -> tuple[str, ...]:
    token = to_token(query.get("id", ""))
    return f"progress.*.{token}", f"approvals.*.*.{token}", f"stuck.*.{token}"


PAGE: Final = LivePage("/run", "run.html", "run_middle.html", _load, _patterns, _frame)
