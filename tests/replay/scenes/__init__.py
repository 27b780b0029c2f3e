"""What happens to the runs whose histories are recorded; each scene is a function, named after what it shows."""

from tests.replay.scenes import (
    agents,
    approvals,
    decisions,
    mailboxes,
    patterns,
    plain,
    policies,
    programs,
    runs,
    saga_steps,
    sagas,
    signals,
)
from tests.replay.scenes.scene import SCENES, Scene

__all__ = [
    "SCENES",
    "Scene",
    "agents",
    "approvals",
    "decisions",
    "mailboxes",
    "patterns",
    "plain",
    "policies",
    "programs",
    "runs",
    "saga_steps",
    "sagas",
    "signals",
]
