"""What ``perdure runs update`` and ``perdure runs query`` share: they ask a run by its handlers in Temporal."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perdure.cli.answer_errors import answer_error
from perdure.cli.client import open_bus, run_command
from perdure.cli.json_argument import parse_json, read_text
from perdure.cli.output import console
from perdure.values.reserved import is_reserved, reserved_text

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["Arguments", "Within", "ask"]

Arguments = Annotated[list[str] | None, typer.Argument(help="Its arguments, each JSON; - reads one from stdin.")]
Within = Annotated[float, typer.Option("--within", min=0.1, help="Seconds to wait for the answer.")]


def ask(  # noqa: PLR0913 (the parts of a request)
    run: str, kind: Literal["update", "query"], name: str, given: list[str] | None, *, within: float, as_json: bool
) -> None:
    """Send an update or a query to a run, and print the result.

    Raises:
        PerdureError: It was refused, or failed.
    """
    if is_reserved(name):
        raise typer.BadParameter(reserved_text(kind, name))
    args = [parse_json(read_text(text)) for text in given or ()]
    workflow_id = run_command(_find(run))
    result = _answer(workflow_id, kind, name, args, within)
    if as_json:
        answered: JsonValue = {"workflow_id": workflow_id, kind: name, "result": result}
        console.out(json.dumps(answered, ensure_ascii=False), highlight=False)
    else:
        console.out(json.dumps(result, ensure_ascii=False, indent=2), highlight=False)


def _answer(
    workflow_id: str, kind: Literal["update", "query"], name: str, args: list[JsonValue], within: float
) -> JsonValue:
    from perdure.values.run_request import RunAnswer, RunRequest

    request = RunRequest(workflow_id=workflow_id, kind=kind, name=name, args=args, within=within)
    command = [sys.executable, "-m", "perdure.run_requests", request.model_dump_json()]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
    answer = RunAnswer.model_validate_json(printed)
    if answer.verdict == "answered":
        return answer.result
    raise answer_error(answer.verdict, answer.error)


async def _find(run: str) -> str:
    from perdure.bus.views.run_lookup import find_run

    async with open_bus() as bus:
        return await find_run(bus, run)
