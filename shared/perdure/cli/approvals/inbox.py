"""``perdure inbox``: shows open approval requests on the whole screen, and decides them."""

import sys

import typer

from perdure.cli.approvals.options import Approver, Key, Workflow
from perdure.cli.client import open_bus, run_command
from perdure.errors import SetupError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure inbox --as ada")
    def inbox(approver: Approver = None, key: Key = None, workflow: Workflow = None) -> None:
        """Decide open approval requests on the whole screen."""
        if not sys.stdout.isatty():
            raise SetupError("An inbox needs a terminal: `perdure approvals list` and `perdure approve` need none.")
        run_command(_show(approver, key, workflow))


async def _show(approver: str | None, key: Key, workflow: str | None) -> None:
    from perdure.cli.approvals.decide import signer

    try:
        from perdure.cli.approvals.inbox_screen import Inbox
    except ModuleNotFoundError as error:
        raise SetupError("The inbox is drawn by Textual: pip install 'perdure[inbox]'.") from error
    who, signing = signer(approver, key)
    async with open_bus() as bus:
        await Inbox(bus, who, signing, workflow).run_async()
