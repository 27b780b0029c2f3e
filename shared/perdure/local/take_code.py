"""Takes the code that lies here for a rollout: checked, and copied into the state folder."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from perdure.builds.build_id import build_id
from perdure.builds.snapshot import keep_snapshot
from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.code import Code
from perdure.local.kept_configuration import KeptConfiguration, current_configuration

__all__ = ["CodeTaker"]


class CodeTaker:
    """Takes code.

    Args:
        state: The state folder.
        configuration: The configuration that the services read.
        path: Where modules are looked for.

    Attributes:
        settings: The configuration with which code was taken last; None before.
    """

    def __init__(self, state: Path, configuration: KeptConfiguration, path: Sequence[str]) -> None:
        self._state = state
        self._configuration = configuration
        self._path = path
        self.settings: Settings | None = None

    def take(self, settings: Settings) -> Code:
        """Copy the code that lies here, and the configuration that is kept now.

        Raises:
            SetupError: A module is not found or not Python, or the state folder cannot be written.
        """
        build = build_id(settings.workflows, self._path)
        try:
            snapshot = keep_snapshot(self._state, build, settings.workflows, self._path)
            code = Code.of(snapshot, self._configuration.keep_for(build))
        except OSError as error:
            raise SetupError(f"The code cannot be copied to {self._state}: {error}.") from error
        self.settings = settings
        return code

    async def take_checked(self, check: Callable[[Settings], Awaitable[object]]) -> Code:
        """Check the configuration and the code that lie here, keep the configuration, and copy the code.

        Args:
            check: Raises ``SetupError`` if the services would not start with them.

        Raises:
            SetupError: Something is wrong, or the files change meanwhile.
        """
        content = current_configuration()
        settings = load_settings(state=self._state)
        await check(settings)
        if content != current_configuration():
            raise SetupError(
                "The configuration has changed while it was checked. Repeat it, unless that happens by itself."
            )
        self._configuration.keep(content)
        return self.take(settings)
