"""The services beside the orchestrator, which read the configuration, and the models of its routes, at their start."""

import asyncio
from collections.abc import Sequence

from perdure.config.settings import Settings
from perdure.local.kept_configuration import KeptConfiguration
from perdure.local.services import ORCHESTRATOR, service_of
from perdure.local.supervisor import Supervisor

__all__ = ["OtherServices"]


class OtherServices:
    """Starts them anew when what they have read has changed.

    Args:
        supervisor: Keeps them running.
        configuration: What they read.
        names: The processes of all services.
    """

    def __init__(self, supervisor: Supervisor, configuration: KeptConfiguration, names: Sequence[str]) -> None:
        self._supervisor = supervisor
        self._configuration = configuration
        self._names = [name for name in names if service_of(name) != ORCHESTRATOR]
        self._known = configuration.file.read_bytes()

    async def renew(self, settings: Settings) -> None:
        """Start those anew that need the new configuration, and ingest if a route has a model as schema.

        Args:
            settings: What the configuration says.
        """
        if (content := self._configuration.file.read_bytes()) != self._known:
            self._known = content
            await self._restart(self._names, f"{self._configuration.file.name} has changed")
        elif any(isinstance(route.data_schema, str) for route in settings.routes):
            ingest = [name for name in self._names if service_of(name) == "ingest"]
            await self._restart(ingest, "the models of its routes may have changed")

    async def _restart(self, names: Sequence[str], why: str) -> None:
        await asyncio.gather(*(self._supervisor.restart(name, why) for name in names))
