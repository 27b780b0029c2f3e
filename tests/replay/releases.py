"""What the corpus lacks of a release: a folder that its code has recorded, with all kinds that were recorded before."""

import json
import re
from pathlib import Path

__all__ = ["kinds", "lacking", "released"]


def released(changelog: str) -> list[str]:
    """Return the releases of a changelog as ``<major>.<minor>``, the newest first, each once."""
    found = re.findall(r"^## \[?(\d+\.\d+)\.\d+", changelog, re.MULTILINE)
    return list(dict.fromkeys(found))


def kinds(folders: list[Path]) -> set[str]:
    """Return the workflows and the kinds of events that the histories of some folders have."""
    found = set[str]()
    for file in (file for folder in folders for file in folder.glob("*.json")):
        first, *others = json.loads(file.read_text())["events"]
        found.add(first["workflowExecutionStartedEventAttributes"]["workflowType"]["name"])
        found |= {event["eventType"] for event in (first, *others)}
    return found


def lacking(changelog: str, histories: Path) -> set[str]:
    """Return the kinds that the folder of the newest release lacks of those that were recorded for the one before."""
    newest, *older = released(changelog)
    own = kinds([histories / newest])
    before = kinds([it for it in histories.glob(f"{older[0]}*") if it.is_dir()]) if older else set()
    return before - own if own else {f"a folder {newest}", *before}
