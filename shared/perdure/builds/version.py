"""The version that a process is: the name of its worker deployment, and its build."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from perdure.builds.build_id import build_id
from perdure.config.temporal import TemporalSettings

__all__ = ["Version", "deployment_name", "own_version"]

_CONTROLLER: Final = "TEMPORAL_DEPLOYMENT_NAME"  # Temporal's worker controller for Kubernetes sets it


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a worker deployment, as Temporal knows it.

    Attributes:
        deployment: Name of the deployment.
        build: The build id.
    """

    deployment: str
    build: str


def deployment_name(settings: TemporalSettings) -> str | None:
    """Return ``temporal.deployment`` if it is configured, else ``TEMPORAL_DEPLOYMENT_NAME``, else the default."""
    if "deployment" in settings.model_fields_set:
        return settings.deployment
    return os.environ.get(_CONTROLLER) or settings.deployment


def own_version(settings: TemporalSettings, workflows: Iterable[str]) -> Version | None:
    """Return the version of the code that lies here; None if workers have no versions.

    Args:
        settings: The section ``temporal:``.
        workflows: The names of ``workflows:``.

    Raises:
        SetupError: A module is not found or not Python, or a variable holds no fitting build id.
    """
    name = deployment_name(settings)
    return None if name is None else Version(name, build_id(workflows))
