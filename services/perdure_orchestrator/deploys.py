"""Whether new code may be taking over: then another orchestrator may read what this one cannot."""

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.versions.task_queue import describe_task_queue

__all__ = ["Deploys"]


class Deploys:
    """Compares the code of the workers that have polled the own task queue lately: Temporal lists them for 5 minutes.

    temporalio names a worker's code by a digest of its loaded modules (the build id).
    """

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._queue = task_queue

    async def may_be_under_way(self) -> bool:
        """Return whether a worker with other code polls the queue, or no worker of this process, which is compared.

        Raises:
            RPCError: Temporal does not answer.
        """
        try:
            pollers = (await describe_task_queue(self._client, self._queue)).pollers
        except RPCError as error:
            if error.status is RPCStatusCode.UNIMPLEMENTED:  # Temporal's test server, where nobody deploys
                return False
            raise
        builds = {(it.identity, it.worker_version_capabilities.build_id) for it in pollers}
        own = {build for identity, build in builds if identity == self._client.identity}
        return not own or {build for _, build in builds} != own
