"""A worker deployment at Temporal: its versions, and the one on which new runs start."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.deployment.v1 import WorkerDeploymentInfo, WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflowservice.v1 import (
    DeleteWorkerDeploymentVersionRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.values.version_request import CodeVersion, State, former_build
from perdure.versions.task_queue import lately_polled

__all__ = ["Routing", "WorkerDeployment"]

_STATES: Final[dict[int, State]] = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "current",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "ramping",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: "draining",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: "drained",
}


@dataclass(frozen=True, slots=True)
class Routing:
    """Where new runs go.

    Attributes:
        current: The build that is current; None if none is.
        versions: All versions, without their runs; the newest first.
        changed_at: When the current one became so (UTC).
        changed_by: Who changed the deployment last.
        token: Stands for this state: a change that carries it is refused if there was another since.
    """

    current: str | None = None
    versions: tuple[CodeVersion, ...] = ()
    changed_at: datetime | None = None
    changed_by: str = ""
    token: bytes = b""

    @property
    def builds(self) -> list[str]:
        """The builds of all versions."""
        return [version.build for version in self.versions]

    @property
    def former(self) -> str | None:
        """The build that was current before the current one."""
        return former_build(self.versions, self.current)


class WorkerDeployment:
    """A worker deployment.

    Args:
        client: The client of Temporal.
        name: Name of the deployment.
        task_queue: The task queue that its workers serve.
    """

    def __init__(self, client: Client, name: str, task_queue: str) -> None:
        self._client = client
        self._queue = task_queue
        self.name = name

    async def routing(self) -> Routing:
        """Return where new runs go; nothing is known of a deployment whose workers have never polled.

        Raises:
            RPCError: Temporal does not answer.
        """
        request = DescribeWorkerDeploymentRequest(namespace=self._client.namespace, deployment_name=self.name)
        try:
            found = await self._client.workflow_service.describe_worker_deployment(request, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Routing()
            raise
        info = found.worker_deployment_info
        return Routing(
            current=info.routing_config.current_deployment_version.build_id or None,
            versions=tuple(sorted(map(_version, info.version_summaries), key=lambda it: it.created_at, reverse=True)),
            changed_at=_time(info.routing_config.current_version_changed_time),
            changed_by=info.last_modifier_identity,
            token=found.conflict_token,
        )

    async def polled(self) -> set[str]:
        """Return the builds whose workers have polled within the last minute.

        Raises:
            RPCError: Temporal does not answer.
        """
        polled = await lately_polled(self._client, self._queue)
        return {build for deployment, build in polled if deployment == self.name}

    async def set_current(self, build: str, *, by: str, token: bytes = b"") -> None:
        """Let new runs start on a build.

        Args:
            build: The build.
            by: Who wants it.
            token: That of the routing that was seen; without one, whatever has changed since does not matter.

        Raises:
            RPCError: Temporal does not answer, or refuses.
        """
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=self._client.namespace,
            deployment_name=self.name,
            build_id=build,
            conflict_token=token,
            identity=by,
        )
        await self._client.workflow_service.set_worker_deployment_current_version(request)

    async def delete(self, build: str, *, by: str) -> bool:
        """Let Temporal forget a version; returns False while it lists workers of it, up to five minutes after they end.

        Raises:
            RPCError: Temporal does not answer, or refuses for another reason.
        """
        request = DeleteWorkerDeploymentVersionRequest(
            namespace=self._client.namespace,
            deployment_version=WorkerDeploymentVersion(deployment_name=self.name, build_id=build),
            skip_drainage=True,  # Temporal looks for open runs only every few minutes
            identity=by,
        )
        try:
            await self._client.workflow_service.delete_worker_deployment_version(request)
        except RPCError as error:
            if error.status is RPCStatusCode.FAILED_PRECONDITION and "pollers" in error.message:
                return False
            raise
        return True


def _version(found: WorkerDeploymentInfo.WorkerDeploymentVersionSummary) -> CodeVersion:
    return CodeVersion(
        build=found.deployment_version.build_id,
        state=_STATES.get(found.status, "inactive"),
        open_runs=0,
        created_at=found.create_time.ToDatetime(UTC),
        current_since=_time(found.current_since_time),
        current_until=_time(found.last_current_time),
    )


def _time(found: Timestamp) -> datetime | None:
    return found.ToDatetime(UTC) if found.seconds else None
