"""A scene: what happens to a run whose history is kept, and under which older code it is recorded too."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.replay.recording import Recording, Script

__all__ = ["SCENES", "Scene", "scene"]

Play = Callable[[Recording], Awaitable[None]]

SCENES: Final = dict[str, "Scene"]()
"""All scenes, by their names: those are the ids of their runs, too."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording.

    Attributes:
        script: What models answer: lines one after another, or a function that makes one of a prompt.
        settings: Keys of ``perdure.yaml``.
        unpatched: The ids of patches that the recorded code does not have yet.
        signals_first: Whether a worker lets a run get signals before all else that is new, as it once did.
        real: Whether the server is Temporal itself, which skips no time, and not the one for tests.
    """

    play: Play
    script: Script = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    unpatched: frozenset[str] = frozenset()
    signals_first: bool = False
    real: bool = False

    @property
    def is_of_the_past(self) -> bool:
        """Whether only older code records it so."""
        return self.signals_first or bool(self.unpatched)


def scene(
    *,
    script: Script = (),
    settings: dict[str, Any] | None = None,
    before: str | None = None,
    both_orders: bool = False,
    also_real: bool = False,
) -> Callable[[Play], Play]:
    """Name a scene as its function is called.

    Args:
        script: As the scene has it.
        settings: Likewise.
        before: A patch that the scene needs; it is recorded once more as if the code did not have it yet.
        both_orders: Whether it is recorded once more with signals first.
        also_real: Whether it is recorded once more on a real server; then it must not wait long.
    """

    def add(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        SCENES[name] = Scene(play, script, settings or {})
        if before is not None:
            SCENES[f"{name}-before-patch"] = Scene(play, script, settings or {}, unpatched=frozenset({before}))
        if both_orders:
            SCENES[f"{name}-signals-first"] = Scene(play, script, settings or {}, signals_first=True)
        if also_real:
            SCENES[f"{name}-on-a-real-server"] = Scene(play, script, settings or {}, real=True)
        return play

    return add
