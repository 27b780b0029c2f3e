"""What happens to the runs whose histories are recorded; each scene is a function, named after what it shows."""

from tests.replay.scenes import (
    agents,
    approvals,
    batches,
    continuations,
    decisions,
    mailboxes,
    objects,
    patterns,
    plain,
    policies,
    programs,
    reminders,
    runs,
    saga_steps,
    sagas,
    signals,
    updates,
)
from tests.replay.scenes.scene import SCENES, Scene

__all__ = [
    "SCENES",
    "Scene",
    "agents",
    "approvals",
    "batches",
    "continuations",
    "decisions",
    "mailboxes",
    "objects",
    "patterns",
    "plain",
    "policies",
    "programs",
    "reminders",
    "runs",
    "saga_steps",
    "sagas",
    "signals",
    "updates",
]
