"""Finds what makes an approvers file ambiguous: one key, Slack id or decision id that could be two people's."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from perdure.approvers.entries import Approver, Proxy
from perdure.values.nearest import nearest

__all__ = ["directory_problems"]

_NUMBERED: Final = re.compile(r"\d+\.")  # how the ids of requests end: <workflow id>.<number>.


def directory_problems(approvers: Mapping[str, Approver], proxies: Mapping[str, Proxy]) -> Iterator[str]:
    """Yield a sentence for each entry by which one vote could be taken for another's, or for nobody's."""
    yield from _names(approvers)
    owners: dict[str, Approver | Proxy] = {**{f"proxy {name}": proxy for name, proxy in proxies.items()}, **approvers}
    yield from _shared("the key", ((key.key_id, name) for name, owner in owners.items() for key in owner.keys))
    yield from _shared("the Slack id", ((it.slack, name) for name, it in approvers.items() if it.slack))
    for name, approver in approvers.items():
        yield from _delegates(name, approver, approvers)
    for name, proxy in proxies.items():
        yield from _scope(name, proxy, approvers)


def _names(names: Iterable[str]) -> Iterator[str]:
    """Yield names that collide in the id of a decision, ``<request id>.<approver>.<nonce>``."""
    known = set(names)
    for name in sorted(known):
        if _NUMBERED.match(name):
            yield f"the name {name} begins like the end of a request's id: choose another"
        parts = name.split(".")
        for shorter in {".".join(parts[:count]) for count in range(1, len(parts))} & known:
            yield f"the names {shorter} and {name} can have the same decision ids: rename one"


def _shared(what: str, uses: Iterable[tuple[str, str]]) -> Iterator[str]:
    owners = defaultdict(list)
    for value, name in uses:
        owners[value].append(name)
    for value, names in owners.items():
        if len(names) > 1:
            both = " and ".join(sorted(set(names))) if len(set(names)) > 1 else f"{names[0]}, twice"
            yield f"{what} {value} belongs to {both}: each needs one of their own"


def _delegates(name: str, approver: Approver, approvers: Mapping[str, Approver]) -> Iterator[str]:
    for delegate in approver.away.to if approver.away else ():
        if delegate == name:
            yield f"{name} is away and votes for {name}: name somebody else"
        elif delegate not in approvers:
            yield f"{name} is away, and {delegate}, who votes instead, is unknown{nearest(delegate, set(approvers))}"


def _scope(name: str, proxy: Proxy, approvers: Mapping[str, Approver]) -> Iterator[str]:
    roles = {role for approver in approvers.values() for role in approver.roles}
    for person in proxy.people:
        if person not in approvers:
            yield f"the proxy {name} signs for {person}, who is unknown{nearest(person, set(approvers))}"
    for role in proxy.roles:
        if role not in roles:
            yield f"the proxy {name} signs for the role {role}, which nobody has{nearest(role, roles)}"
