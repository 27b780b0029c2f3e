"""An orchestrator that cannot load its code says so once on the bus, however often it restarts."""

from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.contracts import Alert
from perdure.contracts.runs import BROKEN_CODE
from perdure.errors import SetupError
from perdure_orchestrator.broken_code import BrokenCode


async def test_each_new_reason_raises_one_alert_until_a_start_succeeds() -> None:
    bus, entries = MemoryBus(), MemoryKeyValue()

    for reason in ("no module named a", "no module named a", "no module named b"):
        await BrokenCode(bus, entries).report(SetupError(reason))
    known = await entries.get(BROKEN_CODE)
    await BrokenCode(bus, entries).clear()

    raised = [it.details for it in bus.published if isinstance(it, Alert)]
    assert ["no module named a" in str(raised[0]), "no module named b" in str(raised[1])] == [True, True]
    assert (len(raised), known, await entries.get(BROKEN_CODE)) == (2, b"no module named b", b"")
