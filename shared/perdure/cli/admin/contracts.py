"""``perdure admin contracts``: exports the schemas of all messages, and compares them with the code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json
from perdure.cli.command_group import new_group
from perdure.cli.exit_codes import NO
from perdure.cli.output import console
from perdure.runtime.stderr import print_error

if TYPE_CHECKING:
    from perdure.asyncapi import Difference

__all__ = ["register"]

_FOLDER: Final = Path("deploy/contracts")
_NEW_VERSION: Final = (
    "This breaks programs that use the published contract: give it a new VERSION (perdure/contracts/version.py)."
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    contracts = new_group("Write or check the JSON Schemas and the AsyncAPI document.")
    app.add_typer(contracts, name="contracts")

    @contracts.command(epilog="Example: perdure admin contracts export --to deploy/contracts")
    def export(
        to: Annotated[Path, typer.Option(help="The folder that holds the versions.")] = _FOLDER,
        *,
        as_json: Json = False,
    ) -> None:
        """Write the contract of this version, unless it breaks others."""
        from perdure.asyncapi import VERSION, contract_files

        folder, code = to / f"v{VERSION}", contract_files()
        found = _compare(folder, code, as_json=as_json)
        for file in sorted({difference.file for difference in found}):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(code[file], "utf-8")

    @contracts.command(epilog="Exit codes: 0 the same, 1 different. Example: perdure admin contracts check --json")
    def check(
        against: Annotated[Path, typer.Option(help="The folder that holds the versions.")] = _FOLDER,
        *,
        as_json: Json = False,
    ) -> None:
        """Compare the published contract with the code."""
        from perdure.asyncapi import VERSION, contract_files

        if _compare(against / f"v{VERSION}", contract_files(), as_json=as_json):
            print_error("The code differs from the published contract: perdure admin contracts export")
            raise typer.Exit(NO)


def _compare(folder: Path, code: Mapping[str, str], *, as_json: bool) -> list[Difference]:
    """Print the differences and return them; a breaking one ends the command."""
    from perdure.asyncapi import differences, read_files

    found = differences(read_files(folder), code)
    _print(folder, found, as_json=as_json)
    if any(difference.breaking for difference in found):
        print_error(_NEW_VERSION)
        raise typer.Exit(NO)
    return found


def _print(folder: Path, found: Iterable[Difference], *, as_json: bool) -> None:
    for difference in sorted(found, key=lambda difference: difference.breaking):
        if as_json:
            console.out(json.dumps(asdict(difference)), highlight=False)
        else:
            sign = "[red]breaking[/] " if difference.breaking else ""
            console.print(f"{sign}{folder / difference.file}: {difference.sentence}", soft_wrap=True)
