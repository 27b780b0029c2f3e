"""``perdure doctor``: what is wrong with this installation or suite, and what to do about it."""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Final

import httpx2
import typer
from rich.markup import escape

from perdure.approvers import ApproversFile
from perdure.bus.topology import STREAMS
from perdure.cli.client import Json, reach, run_command
from perdure.cli.output import console
from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.errors import SetupError, Unavailable
from perdure.local.discovery import discover
from perdure.local.servers import installed
from perdure.local.state import read_endpoints
from perdure.local.suite import SERVICES

__all__ = ["register"]

_PATIENCE: Final = 5.0
_PARTS: Final = {
    "ingest": ("cel", "faststream"),
    "orchestrator": ("temporalio", "mcp", "pydantic_ai"),
    "notifier": ("faststream",),
    "audit": ("sqlalchemy", "aiosqlite"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its result."""

    what: str
    good: bool
    detail: str


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
        raise typer.Exit(0 if all(finding.good for finding in findings) else 1)


async def _check_all() -> list[Finding]:
    findings = [_python(), *(_extra(name) for name in SERVICES)]
    try:
        settings = load_settings()
    except SetupError as error:
        return [*findings, Finding("configuration", good=False, detail=str(error))]
    findings.append(Finding("configuration", good=True, detail=f"engine {settings.execution_engine}"))
    if settings.execution_engine == "local":
        findings += [_program("nats-server"), _program("temporal")]
    findings.append(_approvers(settings))
    return [*findings, await _bus(settings), *await asyncio.gather(*(_service(name, settings) for name in SERVICES))]


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


def _approvers(settings: Settings) -> Finding:
    file = ApproversFile(settings.approvers_file)
    try:
        known = file.current().approvers
    except SetupError as error:
        wrong = str(error).rstrip(".\n ")
        advice = "Fix the file; `perdure keys list` shows whether it is read."
        kept = "Until then no decision is judged and no request expires."
        return Finding("approvers", good=False, detail=f"{wrong}. {kept} {advice}")
    return Finding("approvers", good=True, detail=f"{file.path} knows {len(known)}")


async def _bus(settings: Settings) -> Finding:
    try:
        async with reach(discover(settings)[0], source="perdure/doctor") as bus:
            listed = json.loads(await bus.request("$JS.API.STREAM.LIST", b""))
    except Unavailable as error:
        return Finding("nats", good=False, detail=str(error))
    missing = sorted(set(STREAMS) - {stream["config"]["name"] for stream in listed.get("streams") or ()})
    detail = f"streams missing: {', '.join(missing)}; any service makes them" if missing else f"{len(STREAMS)} streams"
    return Finding("nats", good=not missing, detail=detail)


async def _service(name: str, settings: Settings) -> Finding:
    endpoints = read_endpoints(settings.state)
    own = getattr(settings, name)
    url = endpoints.services[name] if endpoints else f"http://{own.http_host}:{own.http_port}"
    async with httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
        try:
            response = await client.get(f"{url}/readyz")
        except httpx2.TimeoutException:
            detail = f"no answer from {url} within {_PATIENCE:g} s: the process hangs or the machine is overloaded"
            return Finding(f"service {name}", good=False, detail=detail)
        except httpx2.HTTPError:
            return Finding(f"service {name}", good=False, detail=f"nothing listens at {url}: perdure up")
    if response.status_code == httpx2.codes.OK:
        return Finding(f"service {name}", good=True, detail=f"ready at {url}")
    missing = ", ".join(response.json()["missing"])
    return Finding(f"service {name}", good=False, detail=f"not ready at {url}, it waits for: {missing}")
