"""Audits that die by SIGKILL at each statement, bus call and file change in turn: ``python -m … SETTINGS ALL``.

``SETTINGS`` are in JSON, ``ALL`` is how many audits work at once. In each round every one of them records messages,
signs, replaces the key, records and signs again, until it dies at the round's number; then one goes on where they
ended. The rounds end once one of them passes through; it prints how many audits died.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event

from perdure.bus import RawMessage, StoredMessage, connect
from perdure.config.settings import Settings
from perdure.contracts.audit import ROTATE_LEDGER_KEY, LedgerKeyRotated
from perdure.errors import Unavailable
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.key_rotation import rotates
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.store import Store, open_store
from tests.support.fuse import Fuse, Fused

__all__ = ["BEFORE", "EACH"]

BEFORE, AFTER = 257, 3  # messages before and after the new key: enough for a full tile in each round
EACH = BEFORE + AFTER

_BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
_MOST = 300  # rounds
_TRIES = 50


class Deadly(Fuse):
    """A fuse that kills the process."""

    def spark(self) -> None:
        """Die, if it is time."""
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGKILL)

    def sparking(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a spark before and after each call."""

        def call(*args: Any, **named: Any) -> Any:
            self.spark()
            result = function(*args, **named)
            self.spark()
            return result

        return call

    def arm(self, store: Store) -> None:
        """Spark around each statement, each commit and each change of a file."""
        engine = store.engine.sync_engine
        for name in ("before_cursor_execute", "after_cursor_execute"):
            event.listen(engine, name, lambda *_: self.spark())
        engine.dialect.do_commit = self.sparking(engine.dialect.do_commit)  # type: ignore[method-assign]
        os.getpid = lambda: 1  # in a container each process may have the same id
        for name in ("link", "fsync"):
            setattr(os, name, self.sparking(getattr(os, name)))
        for name in ("replace", "unlink"):
            setattr(Path, name, self.sparking(getattr(Path, name)))


async def work(settings: Settings, number: int, dies_at: int) -> None:
    """Do what an audit does in one round, with messages of its own numbers."""
    fuse, first = Deadly(dies_at), 1 + (number - 1) * EACH
    async with connect(settings.nats, source="perdure/test", within=30) as bus, open_store(settings) as store:
        fuse.arm(store)
        keys = LedgerKeys(settings.ledger_key, settings.audit.ledger)
        fused: Any = Fused(bus, fuse)
        signing = Checkpoints(store.engine, settings.audit.ledger, keys, fused)
        await record(settings, store, first, first + BEFORE)
        await sign(signing)
        rotated = await rotates(keys, store)(RawMessage(ROTATE_LEDGER_KEY, b"", {}))
        assert not (problem := LedgerKeyRotated.model_validate_json(rotated).problem), problem
        await record(settings, store, first + BEFORE, first + EACH)
        await sign(signing)


async def go_on(settings: Settings, number: int) -> None:
    """Do what the next audit does: record what nobody has confirmed, and the last that somebody has, and sign."""
    async with connect(settings.nats, source="perdure/test", within=30) as bus, open_store(settings) as store:
        last, confirmed = number * EACH, confirmed_of(settings)
        assert await store.sequences("EVENTS", 1, confirmed) == list(range(1, confirmed + 1)), "confirmed, and lost"
        await record(settings, store, max(1, confirmed), last + 1)
        keys = LedgerKeys(settings.ledger_key, settings.audit.ledger)
        await sign(Checkpoints(store.engine, settings.audit.ledger, keys, bus))


async def record(settings: Settings, store: Store, first: int, end: int) -> None:
    """Record messages as they are delivered, and note that they are: none of them comes again."""
    delivered = [StoredMessage(RawMessage("events.a", b"{}", {}), "EVENTS", it, _BEGAN, 0) for it in range(first, end)]
    await store.add(delivered)
    with (settings.state / "confirmed").open("a", encoding="utf-8") as file:
        file.write(f"{end - 1}\n")


def confirmed_of(settings: Settings) -> int:
    """Return the last message that was recorded for sure."""
    file = settings.state / "confirmed"
    return max(map(int, file.read_text(encoding="utf-8").split())) if file.exists() else 0


async def sign(signing: Checkpoints) -> None:
    """Sign the head; another audit may change the key meanwhile."""
    for _ in range(_TRIES):
        try:
            await signing.sign()
        except Unavailable:
            await asyncio.sleep(0.01)
        else:
            break
    assert not signing.refusal, signing.refusal


def fork(work: Callable[[], Any]) -> int:
    """Run work in a process of its own; return its id."""
    process = os.fork()
    if process == 0:
        try:
            asyncio.run(work())
        except BaseException:  # noqa: BLE001 (the end of this process: the round fails)
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return process


def end_of(process: int) -> int:
    """Wait for a process; return its exit code, or the negative number of the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main(settings: Settings, at_once: int) -> int:
    """Let audits die until none does; return how many died."""
    died = 0
    for number in range(1, _MOST):
        ends = [end_of(it) for it in [fork(partial(work, settings, number, number)) for _ in range(at_once)]]
        went_on = end_of(fork(partial(go_on, settings, number)))
        if went_on or not set(ends) <= {0, -signal.SIGKILL}:
            sys.exit(f"in round {number} the audits ended with {ends}, and the next one with {went_on}")
        died += at_once - ends.count(0)
        if 0 in ends:
            return died
    sys.exit(f"{died} audits died, and none passed through")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Settings.model_validate_json(sys.argv[1]), int(sys.argv[2]))))
