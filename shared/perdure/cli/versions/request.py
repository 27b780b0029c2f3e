"""What the commands on versions share: they ask Temporal by a program of its own, and put what they did on ADMIN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.answer_errors import answer_error
from perdure.cli.client import open_bus, run_command
from perdure.cli.output import console
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from perdure.contracts import VersionChanged
    from perdure.values.version_request import VersionAnswer, VersionRequest

__all__ = ["Build", "Within", "act", "ask"]

_PROGRAM: Final = "perdure.versions"

Build = Annotated[
    str, typer.Argument(metavar="VERSION", help="Its build id in `perdure versions`.", show_default=False)
]
Within = Annotated[float, typer.Option("--within", min=0, help="Seconds to wait until a worker of it polls.")]


async def ask(request: VersionRequest) -> VersionAnswer:
    """Ask Temporal.

    Raises:
        PerdureError: It was refused.
    """
    from perdure.local.own_program import run_own_program
    from perdure.values.version_request import VersionAnswer

    ended = await run_own_program(_PROGRAM, request.model_dump_json())
    if ended.code:
        raise PerdureError(ended.errors.decode(errors="replace").strip() or f"{_PROGRAM} ended with {ended.code}.")
    answer = VersionAnswer.model_validate_json(ended.output)
    if answer.verdict == "done":
        return answer
    raise answer_error(answer.verdict, answer.error)


def act(request: VersionRequest, *, as_json: bool) -> VersionAnswer:
    """Change something, put it on ADMIN, and print it as JSON if that is wanted.

    The bus is connected first: what cannot be recorded is not done.

    Raises:
        PerdureError: It was refused.
    """
    answer = run_command(_recorded(request))
    if as_json:
        fields = {"deployment", "build", "before", "changed", "by", "at", "left"}
        console.out(answer.model_dump_json(include=fields), highlight=False)
    return answer


async def _recorded(request: VersionRequest) -> VersionAnswer:
    from perdure.bus.views.version_records import VersionRecords

    async with open_bus() as bus:
        answer = await ask(request)
        if change := _change(request, answer):
            await VersionRecords(bus).add(change)
        return answer


def _change(request: VersionRequest, answer: VersionAnswer) -> VersionChanged | None:
    """Return the record; also of what was so already, as an interrupted command may not have recorded it."""
    from perdure.contracts import VersionChanged

    acts = {"promote": "promoted", "rollback": "rolled_back", "retire": "retired"}
    if answer.at is None or (not answer.changed and request.act != "promote"):
        return None
    return VersionChanged.model_validate(
        {
            "act": acts[request.act],
            "stays": answer.left,
            **answer.model_dump(include={"deployment", "build", "before", "by", "at"}),
        }
    )
