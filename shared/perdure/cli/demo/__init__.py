"""``perdure demo``: the product in one minute, on real servers, with a killed orchestrator."""

import os
from pathlib import Path
from typing import Annotated

import typer

from perdure.cli.client import run_command

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Exit codes: 0 every part succeeded, 1 a part failed; the error names it.")
    def demo(
        config: Annotated[Path | None, typer.Option(help="Take engine, servers and model from this file.")] = None,
        state: Annotated[Path, typer.Option(help="Keep all files in this folder.")] = Path(".perdure/demo"),
        *,
        ask: Annotated[bool, typer.Option("--ask", help="Decide the approval request yourself, not the bot.")] = False,
    ) -> None:
        """Kill the orchestrator in the middle of a run and watch it complete."""
        from perdure.cli.demo.folder import lay_out
        from perdure.cli.demo.play import play
        from perdure.config.yaml_file import CONFIG_VARIABLE

        if config is not None:
            os.environ[CONFIG_VARIABLE] = str(config)
        run_command(play(lay_out(state), ask=ask))
