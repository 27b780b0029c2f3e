"""``perdure doctor`` on what runs: NATS and the services, and whose they are."""

import asyncio
import json
from typing import Final

from perdure.bus.topology import STREAMS
from perdure.cli.check_absence import absent_suite
from perdure.cli.client import reach
from perdure.cli.finding import Finding
from perdure.config.settings import NatsSettings, Settings
from perdure.errors import Unavailable
from perdure.local.discovery import discover
from perdure.local.nats_house import House, nats_house
from perdure.local.service_house import service_state
from perdure.local.services import SERVICES
from perdure.local.state import Endpoints, read_endpoints

__all__ = ["check_suite"]

_PATIENCE: Final = 5.0  # seconds


async def check_suite(settings: Settings) -> list[Finding]:
    """Check NATS and each service of this folder's suite, or of the servers that are configured."""
    try:
        nats = discover(settings)[0]
    except Unavailable as error:
        return [await absent_suite(error, settings.nats.servers[0])]
    endpoints = read_endpoints(settings.state)
    urls = endpoints.services if endpoints else {name: _configured(settings, name) for name in SERVICES}
    services = [_service(name, url, settings, endpoints) for name, url in urls.items()]
    return list(await asyncio.gather(_nats(nats, settings, endpoints), *services))


def _configured(settings: Settings, name: str) -> str:
    own = getattr(settings, name)
    return f"http://{own.http_host}:{own.http_port}"


async def _nats(nats: NatsSettings, settings: Settings, endpoints: Endpoints | None) -> Finding:
    instance = endpoints.instance if endpoints and settings.execution_engine == "local" else None
    house = await nats_house(nats.servers[0], instance, within=_PATIENCE)
    if house == "silent":
        detail = (
            f"the server at {nats.shown} does not answer within {_PATIENCE:g} s: it hangs, or the machine is "
            "overloaded; try again"
        )
        return Finding("nats", good=False, detail=detail)
    if instance is not None and house not in {"ours", "nothing"}:
        detail = f"what answers at {nats.shown} is not this suite's server ({house}): stop it, or `perdure up` again"
        return Finding("nats", good=False, detail=detail)
    try:
        async with reach(nats, source="perdure/doctor") as bus:
            listed = json.loads(await bus.request("$JS.API.STREAM.LIST", b""))
    except Unavailable as error:
        return Finding("nats", good=False, detail=str(error))
    missing = sorted(set(STREAMS) - {stream["config"]["name"] for stream in listed.get("streams") or ()})
    owner = {"ours": "of this suite", "another suite": "of another suite"}.get(house, "of no suite")
    detail = f"streams missing: {', '.join(missing)}; any service makes them" if missing else f"{len(STREAMS)} streams"
    return Finding("nats", good=not missing, detail=f"{detail}, on a server {owner} at {nats.shown}")


async def _service(name: str, url: str, settings: Settings, endpoints: Endpoints | None) -> Finding:
    found = await service_state(url, endpoints.instance if endpoints else None, within=_PATIENCE)
    is_ours = found.house == "ours" and (endpoints is not None or settings.execution_engine == "temporal")
    if is_ours and found.problem:
        return Finding(f"service {name}", good=False, detail=found.problem)
    if is_ours and not found.missing:
        return Finding(f"service {name}", good=True, detail=f"ready at {url}")
    if is_ours:
        detail = f"not ready at {url}, it waits for: {', '.join(found.missing)}"
    else:
        log = None if endpoints is None else settings.state / "logs" / f"{name}.log"
        detail = _not_ours(found.house, url, f"see {log}" if log else "perdure up")
    return Finding(f"service {name}", good=False, detail=detail)


def _not_ours(house: House, url: str, advice: str) -> str:
    match house:
        case "nothing":
            return f"nothing listens at {url}: {advice}"
        case "silent":
            return f"{url} does not answer within {_PATIENCE:g} s: it hangs, or the machine is overloaded; try again"
        case "unknown":
            return f"what answers at {url} is no service of Perdure: {advice}"
        case _:
            return f"a service answers at {url}, and it is not this suite's but that of another folder: {advice}"
