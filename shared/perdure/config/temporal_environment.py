"""Reads the address and namespace of Temporal's own configuration: ``TEMPORAL_`` variables and profile files."""

import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from perdure.errors import SetupError

__all__ = ["TemporalEnvironment"]

_PREFIX: Final = "TEMPORAL_"
_PROFILES: Final = ("temporalio", "temporal.toml")  # in the folder of the user's configuration


class TemporalEnvironment(PydanticBaseSettingsSource):
    """The source of last resort; it holds no secret. Certificates and keys are read as a connection is made.

    The port, namespace and host that ``perdure.yaml`` gives win. Where it gives a host, another configuration counts
    only if ``temporal.environment`` asks for it: its key may be meant for another server.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 (pydantic-settings' interface)
        """Return nothing: this source gives a section at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the section ``temporal``, or nothing.

        Raises:
            SetupError: A profile cannot be read.
        """
        section = self.current_state.get("temporal", {})
        if self.current_state.get("execution_engine") != "temporal" or not isinstance(section, dict):
            return {}
        wanted = str(section.get("environment", "host" not in section)).lower()
        return {"temporal": _section()} if wanted in {"true", "1", "yes", "on"} and _exists() else {}


def _exists() -> bool:
    """Return whether there is such a configuration; reading it takes a library that the command line does without."""
    return any(name.startswith(_PREFIX) for name in os.environ) or any(it.exists() for it in _default_files())


def _default_files() -> list[Path]:
    """Return where Temporal's command line keeps profiles, on Linux, macOS and Windows."""
    home = Path.home()
    configured = os.environ.get("XDG_CONFIG_HOME")
    folders = [Path(configured) if configured else home / ".config", home / "Library/Application Support"]
    folders += [Path(it)] if (it := os.environ.get("APPDATA")) else []
    return [folder.joinpath(*_PROFILES) for folder in folders]


def _section() -> dict[str, Any]:
    from temporalio.envconfig import ClientConfigProfile  # noqa: PLC0415 (a slow import)

    try:
        profile = ClientConfigProfile.load()
    except RuntimeError as error:
        raise SetupError(f"Temporal's own configuration cannot be read: {error}.") from error
    section: dict[str, Any] = {"environment": True}
    if profile.address:
        parts = urlsplit(f"//{profile.address}")
        section |= {"host": parts.hostname} | ({"port": parts.port} if parts.port else {})
    return section | ({"namespace": profile.namespace} if profile.namespace else {})
