"""Which changes of a message's schema break somebody who goes by the old one.

A message has writers and readers of several ages: others' programs, services that are replaced one by one, and the
streams, which keep for months what an older version said. So

* what breaks **writers** always counts: a field that is gone or newly required, a value that is no longer taken;
* what breaks **readers** counts where Perdure writes: a field that is gone or may be missing now, a value of a kind
  that was never said before. Where others write (decisions), Perdure is the reader, and may learn to take more.

A new field that may be missing breaks nobody, because readers ignore what they do not know; nor does a new word of an
enumeration, which readers have to expect. Words to people (titles, descriptions) and defaults are not compared.
"""

from collections.abc import Iterator
from typing import Any

from perdure.asyncapi.change import BOTH, NOBODY, READERS, WRITERS, Change
from perdure.asyncapi.schema_parts import (
    LOWER_LIMITS,
    UPPER_LIMITS,
    Schema,
    alternatives,
    inlined,
    others,
    part,
    words,
)

__all__ = ["breaking_changes", "changes"]


def breaking_changes(old: Schema, new: Schema, *, said_by_others: bool) -> list[Change]:
    """Return the changes that break somebody.

    Args:
        old: The JSON Schema that is published.
        new: The one that would take its place.
        said_by_others: Whether it is not Perdure that writes these messages.
    """
    who = WRITERS if said_by_others else BOTH
    return [change for change in changes(old, new) if change.breaks & who]


def changes(old: Schema, new: Schema) -> Iterator[Change]:
    """Find what is different for writers or readers, whether it breaks them or not."""
    yield from _value(inlined(old), inlined(new), "")


def _value(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    olds, news = alternatives(old), alternatives(new)
    yield from (Change(at, f"can no longer be {kind}", WRITERS) for kind in _beyond(olds, news))
    yield from (Change(at, f"can be {kind} now", READERS) for kind in _beyond(news, olds))
    for kind in sorted(olds.keys() & news.keys()):
        yield from _kind(olds[kind], news[kind], at)


def _beyond(kinds: dict[str, Schema], known: dict[str, Schema]) -> list[str]:
    """Name the kinds that are not known; every integer is a number."""
    taken = {*known, "integer"} if "number" in known else known.keys()
    return [] if "anything" in known else sorted(kinds.keys() - taken)


def _kind(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    yield from _words(words(old), words(new), at)
    yield from _limits(old, new, at)
    yield from _others(others(old), others(new), at)
    yield from _fields(old, new, f"{at}." if at else "")
    for name, sign in (("items", "[]"), ("additionalProperties", ".*")):
        if name in old or name in new:
            yield from _value(part(old, name), part(new, name), at + sign)


def _words(old: frozenset[str] | None, new: frozenset[str] | None, at: str) -> Iterator[Change]:
    if old is None and new is not None:
        yield Change(at, f"can only be {_listed(new)} now", WRITERS)
    if old is not None and new is None:
        yield Change(at, "can be any word now", READERS)
    if old is not None and new is not None:
        if gone := old - new:
            yield Change(at, f"can no longer be {_listed(gone)}", WRITERS)
        if added := new - old:
            yield Change(at, f"can be {_listed(added)} now", NOBODY)


def _listed(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))


def _limits(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    for names, towards in ((LOWER_LIMITS, 1), (UPPER_LIMITS, -1)):
        for name in names:
            was, now = old.get(name), new.get(name)
            if was != now:
                tighter = was is None or (now is not None and (now - was) * towards > 0)
                yield Change(at, _differs(name, was, now), WRITERS if tighter else READERS)


def _others(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was != now:
            whom = WRITERS if was is None else READERS if now is None else BOTH
            yield Change(at, _differs(name, was, now), whom)


def _differs(name: str, was: Any, now: Any) -> str:
    return f"has {name} {now}, had {was}"


def _fields(old: Schema, new: Schema, prefix: str) -> Iterator[Change]:
    olds, news = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    yield from (Change(prefix + name, "is gone", BOTH) for name in sorted(olds.keys() - news.keys()))
    yield from (Change(prefix + name, "is required now", WRITERS) for name in sorted(needs - needed))
    yield from (Change(prefix + name, "may be missing now", READERS) for name in sorted(news.keys() & needed - needs))
    yield from (Change(prefix + name, "is new", NOBODY) for name in sorted(news.keys() - olds.keys() - needs))
    for name in sorted(olds.keys() & news.keys()):
        yield from _value(olds[name], news[name], prefix + name)
