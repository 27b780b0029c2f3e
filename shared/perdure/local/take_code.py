"""Takes the code that lies here for a rollout: checked, and copied into the state folder."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure.builds.build_id import build_id
from perdure.builds.snapshot import draft_snapshot, keep_snapshot
from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.code import Code
from perdure.local.kept_configuration import KeptConfiguration, current_configuration

__all__ = ["CodeTaker", "Draft"]


@dataclass(frozen=True, slots=True)
class Draft:
    """Code that may be rolled out: a copy, which changes nothing as long as it is not kept.

    Attributes:
        code: The code.
        settings: What its configuration says.
        configuration: The content of that.
    """

    code: Code
    settings: Settings
    configuration: bytes


class CodeTaker:
    """Takes code.

    Args:
        state: The state folder.
        configuration: The configuration that the services read.
        path: Where modules are looked for.

    Attributes:
        settings: The configuration that the services read; None before any code was taken.
    """

    def __init__(self, state: Path, configuration: KeptConfiguration, path: Sequence[str]) -> None:
        self._state = state
        self._configuration = configuration
        self._path = path
        self.settings: Settings | None = None

    def draft(self, settings: Settings, configuration: bytes) -> Draft:
        """Copy the code that lies here.

        Args:
            settings: What its configuration says.
            configuration: The content of that.

        Raises:
            SetupError: A module is not found or not Python, or the state folder cannot be written.
        """
        build = build_id(settings.workflows, self._path)
        try:
            snapshot = draft_snapshot(self._state, build, settings.workflows, self._path)
            return Draft(Code.of(snapshot, self._configuration.draft(configuration)), settings, configuration)
        except OSError as error:
            raise self._not_copied(error) from error

    async def draft_checked(self, check: Callable[[Settings], Awaitable[object]]) -> Draft:
        """Check the configuration and the code that lie here, and copy them.

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
        return self.draft(settings, content)

    def keep(self, draft: Draft) -> Code:
        """Keep code in the state folder, in place of an earlier copy of its build.

        Raises:
            SetupError: The state folder cannot be written.
        """
        try:
            snapshot = keep_snapshot(draft.code.snapshot)
            return Code.of(snapshot, self._configuration.keep_for(snapshot.build, draft.configuration))
        except OSError as error:
            raise self._not_copied(error) from error

    def apply(self, draft: Draft) -> None:
        """Let all services read the configuration of this code at their next start.

        Raises:
            SetupError: The state folder cannot be written.
        """
        try:
            self._configuration.keep(draft.configuration)
        except OSError as error:
            raise self._not_copied(error) from error
        self.settings = draft.settings

    def _not_copied(self, error: OSError) -> SetupError:
        return SetupError(f"The code cannot be copied to {self._state}: {error}.")
