"""The settings of a test: those that it gives, and no file or variable."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from perdure.config.settings import Settings

__all__ = ["given_settings"]


class _ExplicitSettings(Settings):
    """Settings that read no file and no environment variable."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic-settings passes it)
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def given_settings(modules: Iterable[str], *given: Mapping[str, Any]) -> Settings:
    """Build settings from the test's keys only.

    Without cached runs, every workflow task replays. A bug fails its run: no code is mended during a test.

    Args:
        modules: The modules of the test's workflows.
        given: Keys of ``perdure.yaml``; later ones win.
    """
    merged: dict[str, Any] = {
        "temporal": {"task_queue": f"test-{uuid4().hex}", "on_bug": "fail"},
        "orchestrator": {"max_cached_runs": 0},
    }
    for name, value in [item for keys in given for item in keys.items()]:
        merged[name] = {**merged.get(name, {}), **value} if isinstance(value, Mapping) else value
    return _ExplicitSettings(**{**merged, "workflows": (*modules, *merged.get("workflows", ()))})
