"""The programs of a suite that is not started."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from perdure.config.settings import Settings
from perdure.local.leases import PortLeases
from perdure.local.programs import SuitePrograms
from perdure.local.state import State
from tests.support.ports import give_ports


@contextmanager
def suite_programs(
    settings: Settings, *names: str, options: Mapping[str, int] | None = None, instance: str = "ours"
) -> Iterator[SuitePrograms]:
    """Choose the ports of these services, and keep them for the duration of the block."""
    if not (settings.state / "ports.json").exists():
        give_ports(settings.state)
    with PortLeases(f"the suite of {settings.state}") as leases:
        yield SuitePrograms(
            settings,
            State(settings.state),
            leases,
            names=names,
            options=options or {},
            environments={},
            instance=instance,
        )
