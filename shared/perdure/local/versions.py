"""The processes of the orchestrator by the code that they run: that of today, and of each build that has open runs."""

import asyncio
import shlex
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Final

from perdure.builds.snapshot import remove_snapshot, snapshots
from perdure.config.project import BUILD_VARIABLE, CONFIG_VARIABLE
from perdure.errors import SetupError
from perdure.local.code import Code
from perdure.local.programs import SuitePrograms
from perdure.local.published_endpoints import PublishedEndpoints
from perdure.local.services import ORCHESTRATOR, base_of, of_build
from perdure.local.state import State
from perdure.local.supervisor import Supervisor
from perdure.local.version_state import VersionState, version_state

__all__ = ["Versions"]

_POLL_EVERY: Final = 0.2  # seconds
_KNOWN_WITHIN: Final = 15.0  # seconds
_OF_SERVERS: Final = ("PERDURE_STATE", "PERDURE_NATS__", "PERDURE_TEMPORAL__")
_OTHER_FILES: Final = "files that runs do not depend on have changed"


class Versions:
    """Starts and stops processes of builds beside each other.

    Args:
        supervisor: Keeps them running.
        programs: Builds them.
        directory: Publishes them.
        state: The state folder.
        code: What the processes run that started with the suite.

    Attributes:
        code: What the processes ``orchestrator``, ``orchestrator-2``, … run; others have the build in their names.
    """

    def __init__(
        self, supervisor: Supervisor, programs: SuitePrograms, directory: PublishedEndpoints, state: State, code: Code
    ) -> None:
        self._supervisor = supervisor
        self._programs = programs
        self._directory = directory
        self._state = state
        self.code = code

    @property
    def running_beside(self) -> set[str]:
        """The builds that run beside the code of today."""
        return {code.build for name, code in self._programs.code.items() if base_of(name) != name}

    @property
    def others(self) -> list[str]:
        """The builds beside that of today whose code is kept here, in the order in which it was taken."""
        return [it.build for it in snapshots(self._state.folder) if it.build != self.code.build]

    @property
    def kept_builds(self) -> set[str]:
        """The builds whose code is kept here."""
        return {it.build for it in snapshots(self._state.folder)}

    @property
    def names(self) -> list[str]:
        """The names of all processes."""
        return list(self._programs.code)

    def processes(self, build: str) -> list[str]:
        """Return the names of the processes of a build."""
        return [name for name, code in self._programs.code.items() if code.build == build]

    def url(self, name: str) -> str:
        """Return the base URL of a process."""
        return self._programs.program(name).where

    def environment(self, code: Code) -> dict[str, str]:
        """Return the variables with which another program runs this code, as the orchestrator would."""
        program = self._programs.program(ORCHESTRATOR)
        return {
            **program.environment,
            **code.environment(program.environment),
            CONFIG_VARIABLE: str(code.configuration),
        }

    def worker_command(self, build: str) -> str:
        """Return the line for a shell that runs a worker of a build on the servers of this suite, in any folder."""
        variables = {
            BUILD_VARIABLE: build,
            **{name: value for name, value in self.environment(self.code).items() if name.startswith(_OF_SERVERS)},
            f"PERDURE_{ORCHESTRATOR.upper()}__HTTP_PORT": "0",  # any: the configured one is the suite's
        }
        words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        return " ".join([*words, "python -m perdure_orchestrator --role worker"])

    def kept(self, build: str) -> Code:
        """Return the code of a build that has a snapshot.

        Raises:
            SetupError: It has none.
        """
        for snapshot in snapshots(self._state.folder):
            if snapshot.build == build:
                return Code.of(snapshot, self._programs.configuration.kept_for(build))
        raise SetupError(f"The code of version {build} is not kept here")

    async def start(self, code: Code) -> None:
        """Start a process beside each that runs the code of today, unless it runs; with other files it starts anew.

        Raises:
            SetupError: One does not start; then none is left that was started for this.
        """
        if code.build == self.code.build:
            if code.content != self.code.content:
                await self.renew(code, _OTHER_FILES)
            return
        for name in self.processes(code.build):
            if self._programs.code[name].content != code.content:
                self._programs.code[name] = code
                await self._supervisor.replace(self._programs.program(name), _OTHER_FILES)
        today = [of_build(name, code.build) for name in self._programs.code if base_of(name) == name]
        await self._add(code, [name for name in today if name not in self._programs.code])

    async def start_kept(self, builds: Iterable[str]) -> dict[str, str]:
        """Start processes of each build that does not run and has a snapshot; return why others do not start."""
        failed = {}
        for build in sorted(set(builds) - self.running_beside - {self.code.build}):
            try:
                await self.start(self.kept(build))
            except SetupError as error:
                failed[build] = str(error)
        return failed

    def keep(self, code: Code) -> None:
        """Let the processes of a build start from this code from now on; it is the same, in another place."""
        for name in self.processes(code.build):
            self._programs.code[name] = code
            self._supervisor.update(self._programs.program(name))
        if code.build == self.code.build:
            self.code = code

    def take_over(self, code: Code) -> None:
        """Let the processes of a build be those of the code of today; those before it run on beside it."""
        if code.build == self.code.build:
            return
        before, self.code = self.code, code
        for name in self.processes(before.build):
            self._rename(name, of_build(name, before.build))
        for name in self.processes(code.build):
            self._rename(name, base_of(name))
        self._directory.publish()

    async def until_known(self) -> None:
        """Wait until the processes know which version is current: then the bridge of no other starts runs any more."""
        with suppress(TimeoutError):  # one that does not answer will ask Temporal before it starts anything
            async with asyncio.timeout(_KNOWN_WITHIN):
                for name in self.names:
                    while not _knows(await version_state(self.url(name)), self.code.build):
                        await asyncio.sleep(_POLL_EVERY)

    async def renew(self, code: Code, why: str) -> None:
        """Start the processes of the code of today anew, with other code in its place."""
        before, self.code = self.code, code
        for name in self.processes(before.build):
            self._programs.code[name] = code
            await self._supervisor.replace(self._programs.program(name), why)

    async def stop(self, build: str) -> None:
        """Stop the processes of a build."""
        names = [name for name in self.processes(build) if base_of(name) != name]
        await asyncio.gather(*(self._supervisor.remove(name) for name in names if name in self._supervisor.names))
        for name in names:
            self._programs.remove(name)
        self._directory.publish()

    def forget(self, but: Collection[str]) -> None:
        """Remove the snapshots of builds that do not run, but for some and the newest, to which one may go back."""
        idle = [
            it.build for it in snapshots(self._state.folder) if it.build not in {self.code.build, *self.running_beside}
        ]
        for build in idle[:-1]:
            if build not in but:
                self.remove(build)

    def remove(self, build: str) -> None:
        """Remove the snapshot of a build that does not run."""
        remove_snapshot(self._state.folder, build)
        self._programs.configuration.forget(build)

    async def _add(self, code: Code, names: Iterable[str]) -> None:
        added: list[str] = []
        try:
            for name in names:
                self._programs.add(name, code)
                added.append(name)
            await self._supervisor.add([self._programs.program(name) for name in added])
        except SetupError:
            for name in added:
                self._programs.remove(name)
            self._directory.publish()
            raise

    def _rename(self, name: str, new: str) -> None:
        self._supervisor.rename(name, new)
        self._programs.rename(name, new)
        self._directory.rename(name, new)


def _knows(state: VersionState | None, current: str) -> bool:
    return state is not None and state.current == current
