"""Does what a request wants, and returns what came of it."""

from temporalio.service import RPCError, RPCStatusCode

from perdure.builds.version import deployment_name
from perdure.config.loader import load_settings
from perdure.config.temporal import TemporalSettings
from perdure.connections.temporal import open_client
from perdure.connections.temporal_refusals import failure_text
from perdure.errors import NotFound, Pending, PerdureError, SetupError, Unavailable
from perdure.local.discovery import discover
from perdure.values.version_request import Verdict, VersionAnswer, VersionRequest
from perdure.versions.acts import VersionActs

__all__ = ["answer"]


async def answer(request: VersionRequest) -> VersionAnswer:
    """Do it."""
    settings = load_settings()
    temporal = settings.temporal
    try:
        _, temporal = discover(settings)
        return await _act(request, temporal)
    except PerdureError as error:
        return VersionAnswer(verdict=_verdict(error), error=str(error))
    except RPCError as error:
        if error.status is RPCStatusCode.UNIMPLEMENTED:
            return VersionAnswer(verdict="refused", error="This Temporal server knows no versions of workers.")
        return VersionAnswer(verdict="unreachable", error=f"Temporal does not do it now: {error.message}")
    except RuntimeError as error:  # temporalio's error when it cannot connect
        return VersionAnswer(verdict="unreachable", error=failure_text(error, temporal))


def _verdict(error: PerdureError) -> Verdict:
    match error:
        case NotFound():
            return "not_found"
        case Pending():
            return "pending"
        case Unavailable():
            return "unreachable"
        case _:
            return "refused"


async def _act(request: VersionRequest, temporal: TemporalSettings) -> VersionAnswer:
    name = deployment_name(temporal)
    if name is None:
        raise SetupError("Workers have no versions here: name a deployment in `temporal.deployment`.")
    acts = VersionActs(await open_client(temporal), name, temporal.task_queue, by=request.by)
    match request.act, request.build:
        case "list", _:
            return await acts.list()
        case "promote", str(build):
            return await acts.promote(build, within=request.within)
        case "retire", str(build):
            return await acts.retire(build)
        case "rollback", build:
            return await acts.rollback(build, within=request.within)
        case act, _:
            raise PerdureError(f"{act} wants a version.")
