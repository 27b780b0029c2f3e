"""``perdure doctor``: what is wrong with this installation or suite, and what to do about it."""

import asyncio
import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from typing import Final

import typer
from rich.markup import escape

from perdure.cli.check_absence import absent_suite
from perdure.cli.client import Json, run_command
from perdure.cli.exit_codes import NO
from perdure.cli.finding import Finding
from perdure.cli.output import console
from perdure.config.project import is_project, project_folder
from perdure.errors import SetupError, Unavailable
from perdure.local.absence import refuse_absent_suite
from perdure.local.installed import installed
from perdure.local.services import SERVICES

__all__ = ["register"]

_SERVERS: Final = ("nats-server", "temporal")
_PARTS: Final = {
    "ingest": ("cel", "faststream"),
    "orchestrator": ("temporalio", "mcp", "pydantic_ai"),
    "notifier": ("faststream",),
    "audit": ("sqlalchemy", "aiosqlite"),
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Exit codes: 0 all is well, 1 something is not.")
    def doctor(*, as_json: Json = False) -> None:
        """Look at the installation, the configuration and the running suite."""
        findings = run_command(_check_all())
        for finding in findings:
            if as_json:
                console.out(json.dumps(asdict(finding)), highlight=False)
            else:
                sign = "[green]✓[/]" if finding.good else "[red]✗[/]"
                console.print(f"{sign} {finding.what:<22} {escape(finding.detail)}", soft_wrap=True)
        if not all(finding.good for finding in findings):
            raise typer.Exit(NO)


async def _check_all() -> list[Finding]:
    findings = [_python(), *(_extra(name) for name in SERVICES)]
    try:
        refuse_absent_suite()
        absence = None
    except Unavailable as error:
        absence = await absent_suite(error)
        if not is_project(project_folder()):  # there is nothing to read
            return [*findings, *map(_program, _SERVERS), absence]
    return [*findings, *await _check_project(absence)]


async def _check_project(absence: Finding | None) -> list[Finding]:
    """Check the configuration and, unless it is known to be absent, the suite."""
    from perdure.cli.check_approvers import check_approvers
    from perdure.config.loader import load_settings

    try:
        settings = load_settings()
    except SetupError as error:
        return [Finding("configuration", good=False, detail=str(error))]
    findings = [Finding("configuration", good=True, detail=f"engine {settings.execution_engine}")]
    if settings.execution_engine == "local":
        findings += map(_program, _SERVERS)
    if absence is not None:
        return [*findings, *await check_approvers(settings), absence]
    from perdure.cli.check_pauses import check_pauses
    from perdure.cli.check_requests import check_requests
    from perdure.cli.check_room import check_room
    from perdure.cli.check_stuck import check_stuck
    from perdure.cli.check_suite import check_suite

    parts = check_suite, check_pauses, check_room, check_requests, check_stuck
    checks = check_approvers(settings), *(check(settings) for check in parts)
    return [*findings, *(finding for found in await asyncio.gather(*checks) for finding in found)]


def _python() -> Finding:
    return Finding("python", good=True, detail=sys.version.split()[0])


def _extra(name: str) -> Finding:
    missing = [module for module in _PARTS[name] if find_spec(module) is None]
    advice = f"{', '.join(missing)} missing: pip install 'perdure[{name}]'" if missing else "installed"
    return Finding(f"parts of {name}", good=not missing, detail=advice)


def _program(name: str) -> Finding:
    try:
        return Finding(name, good=True, detail=installed(name))
    except SetupError as error:
        return Finding(name, good=False, detail=str(error))
