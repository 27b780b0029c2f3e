"""The signals of one run that its code waits for by name: each is taken once, in the order in which they came."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from pydantic import ConfigDict
from temporalio import workflow

from perdure.connections.temporal_internals import kept_signals, restore_signals
from perdure.flow.payload import Payload
from perdure.flow.waiting import wait_until

__all__ = ["KeptSignal", "Mailboxes"]

_MOST: Final = 1_000  # signals that a run carries over to the one that continues it
_MOST_BYTES: Final = 256 * 1024  # of them; the largest counts for nothing, so that one large signal is carried too
_NAMED: Final = 10  # names of signals that are dropped
_SHOWN: Final = 100  # characters of such a name

_KEPT: Final = "perdure-signals-are-kept"  # a patch id, followed by a number: histories hold it


class KeptSignal(Payload):
    """A signal that nothing in its run has taken yet.

    Attributes:
        data: Temporal's own message about it.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    data: bytes


class _Mailbox:
    def __init__(self) -> None:
        self.arrived = deque[tuple[Any, ...]]()
        self.waiting = 0

    def put(self, *args: Any) -> None:
        self.arrived.append(args)


class Mailboxes:
    """One mailbox a signal name; temporalio keeps the signals of names that nobody has waited for yet."""

    def __init__(self) -> None:
        self._boxes: dict[str, _Mailbox] = {}
        self._keeps = False
        self._count = 0

    async def take(self, name: str) -> tuple[Any, ...]:
        """Wait for the next signal of this name, also one that came before, and return its arguments."""
        box = self._open(name)
        box.waiting += 1
        try:
            while not box.arrived:
                await wait_until(lambda: bool(box.arrived))
            return box.arrived.popleft()
        finally:
            box.waiting -= 1

    def kept(self) -> tuple[tuple[KeptSignal, ...], tuple[str, ...]]:
        """Return the signals that nothing has taken, in the order of each name, and the names of those beyond a bound.

        The first of each name come first, then the second: many of one name leave room for the others.
        """
        opened = {name: list(box.arrived) for name, box in self._boxes.items()}
        by_name = defaultdict[str, list[bytes]](list)
        for name, data in kept_signals(opened):
            by_name[name].append(data)
        return _bounded(by_name)

    def restore(self, kept: Iterable[KeptSignal]) -> None:
        """Keep the signals that the run which this one continues has not taken, before those of this one."""
        restore_signals([(signal.name, signal.data) for signal in kept])

    def _open(self, name: str) -> _Mailbox:
        """Return the mailbox of a name: a new one each time in the part of a run that older code executed.

        An answer of ``patched`` holds for the whole run, so each question has an id of its own.
        """
        box = self._boxes.get(name)
        if box is None or ((box.arrived or box.waiting) and not self._keeps_signals()):
            box = self._boxes[name] = _Mailbox()
            workflow.set_signal_handler(name, box.put)
        return box

    def _keeps_signals(self) -> bool:
        if not self._keeps:
            self._count += 1
            self._keeps = workflow.patched(f"{_KEPT}-{self._count}")
        return self._keeps


def _bounded(by_name: Mapping[str, Sequence[bytes]]) -> tuple[tuple[KeptSignal, ...], tuple[str, ...]]:
    kept, dropped, size, largest = list[KeptSignal](), dict[str, None](), 0, 0
    for turn in zip_longest(*by_name.values()):
        for name, data in zip(by_name, turn, strict=True):
            if data is None or name in dropped:
                continue
            if size + len(data) - max(largest, len(data)) > _MOST_BYTES or len(kept) == _MOST:
                dropped[name] = None  # and those that came after it: what is left is in order
            else:
                size, largest = size + len(data), max(largest, len(data))
                kept.append(KeptSignal(name=name, data=data))
    return tuple(kept), tuple(name[:_SHOWN] for name in list(dropped)[:_NAMED])
