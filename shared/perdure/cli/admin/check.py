"""``perdure admin check``: the verifier is a program of its own, so that it shares nothing with what it judges."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Final

import typer

from perdure.errors import SetupError

__all__ = ["VERIFIER", "needs_parts", "register"]

VERIFIER: Final = (sys.executable, "-m", "perdure.verify")

_PARTS: Final = ("temporalio", "sqlalchemy", "aiosqlite")


def register(app: typer.Typer) -> None:
    """Add the command; the options are the verifier's own."""

    @app.command(
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        epilog="Example: perdure admin check --within 2m",
    )
    def check(context: typer.Context) -> None:
        """Check that each event became one run or one dead letter."""
        needs_parts()
        ended = subprocess.run([*VERIFIER, *context.args], check=False)  # noqa: S603 (our own program)
        raise typer.Exit(ended.returncode)


def needs_parts() -> None:
    """Refuse to begin what cannot be verified.

    Raises:
        SetupError: Something is not installed.
    """
    if missing := [name for name in _PARTS if find_spec(name) is None]:
        raise SetupError(f"{', '.join(missing)} missing: pip install 'perdure[orchestrator,audit]' to verify.")
