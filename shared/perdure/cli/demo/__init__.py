"""``perdure demo``: the product in one minute, on real servers, with a real kill."""

import os
from pathlib import Path
from typing import Annotated

import typer

from perdure.cli.client import run
from perdure.cli.demo.folder import lay_out
from perdure.cli.demo.play import play
from perdure.config.yaml_file import CONFIG_VARIABLE

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Exit codes: 0 all of it really happened, 1 something did not, and what is said.")
    def demo(
        config: Annotated[Path | None, typer.Option(help="Take the engine, servers and model from this file.")] = None,
        state: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path(".perdure/demo"),
        *,
        ask: Annotated[bool, typer.Option("--ask", help="Let me answer the approval, not the bot.")] = False,
    ) -> None:
        """Run a document through the whole house, kill the orchestrator midway, and see it finish all the same."""
        if config is not None:
            os.environ[CONFIG_VARIABLE] = str(config)
        run(play(lay_out(state), ask=ask))
