"""Differences between the published contract files and the code, and which of them are breaking."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from perdure.asyncapi.channels import CHANNELS
from perdure.asyncapi.compatibility import breaking_changes, changes
from perdure.asyncapi.files import ASYNCAPI, SIGNED
from perdure.asyncapi.requests import REQUESTS
from perdure.asyncapi.schema_change import SchemaChange
from perdure.asyncapi.schemas import schema_file

__all__ = ["Difference", "differences"]

_EXTERNAL: Final = {schema_file(channel.name) for channel in CHANNELS if channel.is_external} | {
    f"schemas/{request.name}.json" for request in REQUESTS
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between a published file and the code.

    Attributes:
        file: Path of the file, from the folder of its version.
        sentence: What differs, for people; the file is its subject.
        breaking: Whether it breaks programs that rely on the published file.
    """

    file: str
    sentence: str
    breaking: bool = False


def differences(published: Mapping[str, str], code: Mapping[str, str]) -> list[Difference]:
    """Compare two sets of files of one version.

    Args:
        published: The text of each published file by its path.
        code: The same, as made from the code.
    """
    new = [Difference(file, "is not published yet.") for file in sorted(code.keys() - published.keys())]
    gone = [
        Difference(file, "is gone from the code.", breaking=True) for file in sorted(published.keys() - code.keys())
    ]
    both = sorted(file for file in published.keys() & code.keys() if published[file] != code[file])
    return [*new, *gone, *(difference for file in both for difference in _compare(file, published[file], code[file]))]


def _compare(file: str, published: str, code: str) -> list[Difference]:
    try:
        old = json.loads(published)
    except ValueError as error:
        return [Difference(file, f"is not JSON: {error}.")]
    new = json.loads(code)
    if file == SIGNED:
        return [Difference(file, "has another example.")]
    found = _subjects(old, new) if file == ASYNCAPI else _schemas(file, old, new)
    return list(found) or [Difference(file, "differs only in descriptions.")]


def _schemas(file: str, old: Any, new: Any) -> Iterator[Difference]:
    breaking: list[SchemaChange] = breaking_changes(old, new, external=file in _EXTERNAL)
    for change in changes(old, new):
        yield Difference(file, f"{change}.", breaking=change in breaking)


def _subjects(old: Any, new: Any) -> Iterator[Difference]:
    before, after = _addresses(old), _addresses(new)
    for channel in sorted(before.keys() | after.keys()):
        was, now = before.get(channel), after.get(channel)
        if was != now:
            yield Difference(ASYNCAPI, f"{channel} is published on {now}, not on {was}.", breaking=was is not None)


def _addresses(document: Any) -> dict[str, str]:
    return {name: channel["address"] for name, channel in document["channels"].items()}
