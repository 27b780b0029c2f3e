"""``perdure config``: what is wrong in the configuration, and everything that it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from perdure.cli.client import Json, run_command
from perdure.cli.command_group import new_group
from perdure.cli.exit_codes import NO
from perdure.cli.output import console, print_json

if TYPE_CHECKING:
    from perdure.config.problem import Problem

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    config = new_group("Check the configuration, and look up its keys.")
    app.add_typer(config, name="config")

    @config.command(epilog="Exit codes: 0 nothing is wrong, or only warnings (!); 1 something is.")
    def check(*, as_json: Json = False) -> None:
        """Check perdure.yaml and the code that it names.

        Nothing is started, and no suite need run. Workflow modules are imported, as the orchestrator does at its start.
        """
        from perdure.config.yaml_file import config_file

        problems = _problems()
        if as_json:
            print_json(problems)
        for problem in () if as_json else problems:
            console.print(f"{'! ' if problem.is_warning else ''}{problem}", soft_wrap=True, markup=False)
        if not all(problem.is_warning for problem in problems):
            raise typer.Exit(NO)
        if not problems and not as_json:
            console.print(f"{config_file() or 'The default configuration'}: nothing is wrong.", soft_wrap=True)

    @config.command(name="reference")
    def print_reference() -> None:
        """Print every key of perdure.yaml, in Markdown."""
        from perdure.config.reference import reference

        typer.echo(reference(), nl=False)


def _problems() -> list[Problem]:
    from perdure.config.loader import load_settings
    from perdure.config.problem import InvalidConfiguration
    from perdure.local.check import check_configuration

    try:
        settings = load_settings()
    except InvalidConfiguration as error:
        return list(error.problems)
    return run_command(check_configuration(settings))
