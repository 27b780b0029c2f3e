"""What encryption costs: the same runs on a suite with a key ring and on one without, which take turns."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench.house import House, open_house, publishing
from bench.measure import Latency, Throughput, latency, throughput
from bench.report import median, tell
from bench.runs import AT_ONCE, WARM_UP, Turns
from perdure.encryption import new_key_line

__all__ = ["Encrypted", "measure_encrypted"]

_NAMES: Final = ("activities", "local activities")


@dataclass(frozen=True, slots=True)
class Turn:
    """One kind of run on both suites, one right after the other."""

    plain: Latency
    encrypted: Latency
    plain_many: Throughput
    encrypted_many: Throughput


@dataclass(frozen=True, slots=True)
class Encrypted:
    """What was measured, by kind of run, a turn a round."""

    turns: dict[str, Sequence[Turn]]

    def summary(self) -> dict[str, Any]:
        """Return the ratios: medians over the rounds, each taken within its round."""
        return {"ratios": {name: self._ratios(name) for name in self.turns}, **asdict(self)}

    def show(self, console: Console) -> None:
        """Print a line for each kind of run."""
        for name in self.turns:
            found = self._ratios(name)
            console.print(
                f"Encrypted runs of three {name}, to plain ones: p50 {found['latency']:.2f} "
                f"({found['plain_ms']:.1f} ms to {found['encrypted_ms']:.1f} ms), "
                f"runs/s with {AT_ONCE} at once {found['throughput']:.2f}",
                highlight=False,
            )

    def _ratios(self, name: str) -> dict[str, float]:
        turns = self.turns[name]
        return {
            "latency": median([it.encrypted.p50 / it.plain.p50 for it in turns]),
            "throughput": median([it.encrypted_many.runs_per_second / it.plain_many.runs_per_second for it in turns]),
            "plain_ms": median([it.plain.p50 for it in turns]),
            "encrypted_ms": median([it.encrypted.p50 for it in turns]),
        }


async def measure_encrypted(folder: Path, turns: Turns) -> Encrypted:
    """Run both suites beside each other, and measure one at a time."""
    folder.mkdir()
    (folder / "keys").write_text(new_key_line("bench"))
    ring = {"encryption": {"keys_file": str(folder / "keys")}}
    async with open_house(folder / "plain") as plain, open_house(folder / "encrypted", ring) as encrypted:
        return Encrypted(await _measure(plain, encrypted, turns))


async def _measure(plain: House, encrypted: House, turns: Turns) -> dict[str, Sequence[Turn]]:
    found: dict[str, list[Turn]] = {name: [] for name in _NAMES}
    async with publishing(plain) as without, publishing(encrypted) as with_keys:
        for contestant in (*without, *with_keys):
            await latency(contestant, WARM_UP)
        for number in range(turns.rounds):
            tell(f"encrypted runs, round {number + 1} of {turns.rounds}")
            for name, one, other in zip(_NAMES, without, with_keys, strict=True):
                found[name].append(
                    Turn(
                        await latency(one, turns.single),
                        await latency(other, turns.single),
                        await throughput(one, turns.many, at_once=AT_ONCE, processes={}),
                        await throughput(other, turns.many, at_once=AT_ONCE, processes={}),
                    )
                )
    return dict(found)
