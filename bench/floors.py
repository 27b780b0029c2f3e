"""The floors of whole runs: what one would write by hand, from a bare client to a bridge between NATS and Temporal."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.bridge_floor import BridgeFloor, open_bridge_floor
from bench.eager_floor import EagerFloor, open_eager_floor
from bench.floor import Floor, open_floor
from bench.stock_temporal import STOCK_TEMPORAL, stock_temporal
from perdure.local.ports import choose_ports
from perdure.local.servers import nats_program
from perdure.local.supervisor import supervised

__all__ = ["Floors", "open_floors"]

_BUS: Final = "nats of bridges"


@dataclass(frozen=True, slots=True)
class Floors:
    """The contestants that are floors.

    Attributes:
        processes: Theirs, and those of the servers that only they use, by name.
        uses: Which processes each of them consists of, servers included.
    """

    contestants: Sequence[Floor | EagerFloor | BridgeFloor]
    processes: dict[str, psutil.Process]
    uses: dict[str, list[str]]


@asynccontextmanager
async def open_floors(temporal: str, folder: Path) -> AsyncIterator[Floors]:
    """Run all of them for as long as the block lasts, on Perdure's own Temporal server and, one of them, a stock one.

    Bridges have a NATS server of their own, without permissions: on Perdure's, each role may do only what is its own.
    """
    folder.mkdir()
    names = ("nats", "nats_monitor", "stock-port", "stock-ui-port", "stock-http-port")
    ports = choose_ports(dict.fromkeys(names, 0), remembered={}, requested={})
    programs = [nats_program(folder, ports), stock_temporal(folder, ports)]
    bus, stock = (it.where for it in programs)
    async with (
        supervised(programs, folder / "logs", lambda _: None) as servers,
        open_floor(temporal) as by_hand,
        open_eager_floor(temporal) as eager,
        open_bridge_floor("tuned", temporal, bus) as tuned,
        open_bridge_floor("stock", stock, bus) as untuned,
    ):
        contestants = (by_hand, eager, tuned, untuned)
        processes = {
            _BUS: psutil.Process(servers.pid("nats")),
            STOCK_TEMPORAL: psutil.Process(servers.pid(STOCK_TEMPORAL)),
        }
        servers_of = {
            by_hand.name: ["temporal"],
            eager.name: ["temporal"],
            tuned.name: ["temporal", _BUS],
            untuned.name: [STOCK_TEMPORAL, _BUS],
        }
        for it in contestants:
            processes |= it.processes
        yield Floors(contestants, processes, {it.name: [*servers_of[it.name], *it.processes] for it in contestants})
