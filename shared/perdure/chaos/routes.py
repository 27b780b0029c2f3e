"""The configuration of a chaos suite: one route for each kind of load."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CONFIGURATION", "MOST_OPEN"]

MOST_OPEN: Final = 3
"""How many runs of the limited route may be open."""

_SCHEMA: Final = {
    "type": "object",
    "required": ["number", "words"],
    "properties": {"number": {"type": "integer"}, "words": {"type": "string"}},
}
_BOX: Final = "box-{data.box}"

CONFIGURATION: Final[Mapping[str, Any]] = {
    "workflows": ["perdure.chaos.workload"],
    "routes": [
        {"on": "chaos.probe", "start": "ChaosProbe", "schema": _SCHEMA},
        {
            "on": "chaos.limited",
            "start": "ChaosProbe",
            "name": "Limited",
            "schema": _SCHEMA,
            "flow": {"max_open": MOST_OPEN},
        },
        {
            "on": "chaos.paced",
            "start": "ChaosProbe",
            "name": "Paced",
            "schema": _SCHEMA,
            "flow": {"rate": "20/s"},
        },
        {
            "on": "chaos.debounced",
            "start": "ChaosProbe",
            "name": "Debounced",
            "flow": {"key": "data.key", "debounce": "500ms"},
        },
        {"on": "chaos.batched", "start": "ChaosBatch", "flow": {"batch": {"size": 5, "within": "1s"}}},
        {"on": "chaos.approved", "start": "ChaosApproval"},
        {"on": "chaos.box", "start": "ChaosMailbox", "workflow_id": _BOX},
        {"on": "chaos.item", "signal": "item", "workflow_id": _BOX},
        {"on": "chaos.replaced", "start": "ChaosPatient", "flow": {"key": "data.key", "singleton": "cancel"}},
    ],
    "temporal": {
        "task_timeout_seconds": 3,  # how long a run waits if its worker was killed during a workflow task
    },
}
