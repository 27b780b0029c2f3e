"""Which changes of a message's schema break programs that rely on the old one.

Writers and readers of several versions meet: users' programs, services that are replaced one by one, and streams, which
keep messages of older versions for months.

* Changes that break **writers** always count: a field is removed or becomes required, a value is no longer accepted.
* Changes that break **readers** count where Perdure writes: a field is removed or becomes optional, a value may have a
  new type. Where external programs write (decisions), Perdure is the reader and may accept more.

A new optional field breaks nobody, because readers ignore unknown fields. Neither does a new enumeration value, because
readers accept unknown values; an enumeration that is opened (`x-known-values`) tells them so. Annotations (ids, titles,
descriptions, examples) and defaults are not compared.
"""

from collections.abc import Iterator
from typing import Any

from perdure.asyncapi.schema_change import BOTH, NOBODY, READERS, WRITERS, SchemaChange
from perdure.asyncapi.schema_parts import (
    LOWER_LIMITS,
    UPPER_LIMITS,
    Schema,
    allowed_values,
    alternatives,
    inlined,
    known_values,
    other_constraints,
    subschema,
)

__all__ = ["breaking_changes", "changes"]


def breaking_changes(old: Schema, new: Schema, *, external: bool) -> list[SchemaChange]:
    """Return the breaking changes.

    Args:
        old: The published JSON Schema.
        new: The schema that would replace it.
        external: Whether external programs write these messages, not Perdure.
    """
    relevant = WRITERS if external else BOTH
    return [change for change in changes(old, new) if change.breaks & relevant]


def changes(old: Schema, new: Schema) -> Iterator[SchemaChange]:
    """Yield all changes, breaking or not."""
    yield from _value(inlined(old), inlined(new), "")


def _value(old: Schema, new: Schema, path: str) -> Iterator[SchemaChange]:
    olds, news = alternatives(old), alternatives(new)
    yield from (SchemaChange(path, f"can no longer be {kind}", WRITERS) for kind in _unknown_kinds(olds, news))
    yield from (SchemaChange(path, f"can be {kind} now", READERS) for kind in _unknown_kinds(news, olds))
    for kind in sorted(olds.keys() & news.keys()):
        yield from _kind(olds[kind], news[kind], path)


def _unknown_kinds(kinds: dict[str, Schema], known: dict[str, Schema]) -> list[str]:
    """List the kinds that are not among the known ones; every integer is a number."""
    taken = {*known, "integer"} if "number" in known else known.keys()
    return [] if "anything" in known else sorted(kinds.keys() - taken)


def _kind(old: Schema, new: Schema, path: str) -> Iterator[SchemaChange]:
    yield from _allowed_values(allowed_values(old), allowed_values(new), path, known_values(new))
    yield from _known_values(known_values(old), known_values(new), path)
    yield from _limits(old, new, path)
    yield from _other_constraints(other_constraints(old), other_constraints(new), path)
    yield from _fields(old, new, f"{path}." if path else "")
    for name, sign in (("items", "[]"), ("additionalProperties", ".*")):
        if name in old or name in new:
            yield from _value(subschema(old, name), subschema(new, name), path + sign)


def _known_values(old: frozenset[str] | None, new: frozenset[str] | None, path: str) -> Iterator[SchemaChange]:
    """Readers accept words that are not listed, so that a list may change."""
    if old is not None and new is not None:
        yield from (SchemaChange(path, f"can be {word} now", NOBODY) for word in sorted(new - old))
        yield from (SchemaChange(path, f"is no longer {word}", NOBODY) for word in sorted(old - new))


def _allowed_values(
    old: frozenset[str] | None, new: frozenset[str] | None, path: str, known: frozenset[str] | None
) -> Iterator[SchemaChange]:
    if old is None and new is not None:
        yield SchemaChange(path, f"can only be {_listed(new)} now", WRITERS)
    if old is not None and new is None:
        opened = known is not None and old <= known
        yield SchemaChange(path, "can be any value now", NOBODY if opened else READERS)
    if old is not None and new is not None:
        if gone := old - new:
            yield SchemaChange(path, f"can no longer be {_listed(gone)}", WRITERS)
        if added := new - old:
            yield SchemaChange(path, f"can be {_listed(added)} now", NOBODY)


def _listed(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))


def _limits(old: Schema, new: Schema, path: str) -> Iterator[SchemaChange]:
    for names, towards in ((LOWER_LIMITS, 1), (UPPER_LIMITS, -1)):
        for name in names:
            was, now = old.get(name), new.get(name)
            if was != now:
                tighter = was is None or (now is not None and (now - was) * towards > 0)
                yield SchemaChange(path, _differs(name, was, now), WRITERS if tighter else READERS)


def _other_constraints(old: Schema, new: Schema, path: str) -> Iterator[SchemaChange]:
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was != now:
            broken = WRITERS if was is None else READERS if now is None else BOTH
            yield SchemaChange(path, _differs(name, was, now), broken)


def _differs(name: str, was: Any, now: Any) -> str:
    return f"has {name} {now}, had {was}"


def _fields(old: Schema, new: Schema, prefix: str) -> Iterator[SchemaChange]:
    olds, news = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    yield from (SchemaChange(prefix + name, "is gone", BOTH) for name in sorted(olds.keys() - news.keys()))
    yield from (SchemaChange(prefix + name, "is required now", WRITERS) for name in sorted(needs - needed))
    yield from (
        SchemaChange(prefix + name, "may be missing now", READERS) for name in sorted(news.keys() & needed - needs)
    )
    yield from (SchemaChange(prefix + name, "is new", NOBODY) for name in sorted(news.keys() - olds.keys() - needs))
    for name in sorted(olds.keys() & news.keys()):
        yield from _value(olds[name], news[name], prefix + name)
