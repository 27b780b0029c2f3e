"""``perdure admin check``: the verifier is a program of its own, so that it shares nothing with what it judges."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Final

import typer

from perdure.cli.client import Json
from perdure.errors import SetupError
from perdure.verify.options import Ended, Events, RunsPerEvent, Within

__all__ = ["VERIFIER", "needs_parts", "register"]

VERIFIER: Final = (sys.executable, "-m", "perdure.verify")

_EXIT_CODES: Final = "Exit codes: 0 all checks passed, 1 something is violated, 2 wrong usage."
_PARTS: Final = ("temporalio", "sqlalchemy", "aiosqlite")


def register(app: typer.Typer) -> None:
    """Add the command; the options are the verifier's own."""

    @app.command(epilog=f"{_EXIT_CODES} Example: perdure admin check --within 2m")
    def check(
        events: Events = None,
        runs_per_event: RunsPerEvent = 1,
        within: Within = "30s",
        *,
        ended: Ended = False,
        as_json: Json = False,
    ) -> None:
        """Check that each event became what its verdict says.

        That is a run for each route that takes it, a dead letter, or nothing. An open run is counted, and checked as
        far as it got. Progress and audit records must be complete. Reads JetStream, Temporal and the audit database
        directly, without the services.
        """
        needs_parts()
        options = ["--runs-per-event", str(runs_per_event), "--within", within]
        options += ["--events", str(events)] if events else []
        options += [name for name, given in (("--ended", ended), ("--json", as_json)) if given]
        ended_with = subprocess.run([*VERIFIER, *options], check=False).returncode  # noqa: S603 (our own program)
        raise typer.Exit(ended_with)


def needs_parts() -> None:
    """Refuse to begin what cannot be verified.

    Raises:
        SetupError: Something is not installed.
    """
    if missing := [name for name in _PARTS if find_spec(name) is None]:
        raise SetupError(f"{', '.join(missing)} missing: pip install 'perdure[orchestrator,audit]' to verify.")
