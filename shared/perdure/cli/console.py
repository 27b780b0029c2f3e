"""``perdure console``: a link to the pages of a running suite, which works once."""

import typer

from perdure.cli.output import console as terminal
from perdure.errors import NotFound

__all__ = ["CONSOLE_MISSING", "register"]

CONSOLE_MISSING = "The console is not installed: pip install 'perdure[console]'."


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure console")
    def console() -> None:
        """Print a link to the console, which works once."""
        from perdure.config.loader import load_settings
        from perdure.local.console_link import new_console_link
        from perdure.local.services import CONSOLE, has_console
        from perdure.local.state import read_endpoints

        settings = load_settings()
        endpoints = read_endpoints(settings.state)
        address = None if endpoints is None else endpoints.services.get(CONSOLE)
        if address is None:
            raise NotFound("This suite runs no console: start it again." if has_console() else CONSOLE_MISSING)
        terminal.out(new_console_link(settings.state, address), highlight=False)
