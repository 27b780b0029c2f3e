"""The state of the suite once all attacks were played: as if there had been none."""

from perdure.local.loopback import loopback_client
from perdure.local.services import SERVICES
from tests.support.attacks.honest import HonestTraffic
from tests.support.attacks.suite import WITHIN, AttackedSuite
from tests.support.command_line import perdure_of, printed

__all__ = ["check_health", "pids"]


def pids(suite: AttackedSuite) -> dict[str, int | None]:
    """Return the process of each server and service."""
    supervisor = suite.world.suite.supervisor
    return {name: supervisor.pid(name) for name in (*SERVICES, "nats", "temporal")}


async def check_health(suite: AttackedSuite, honest: HonestTraffic, *, before: dict[str, int | None]) -> None:
    """Check that the attacks changed nothing.

    Args:
        suite: The suite.
        honest: What honest people did meanwhile.
        before: The processes at the beginning.
    """
    assert pids(suite) == before, "a process died"
    async with loopback_client(within=WITHIN) as client:
        for name, url in suite.world.suite.endpoints.services.items():
            answer = await client.get(f"{url}/readyz")
            assert (answer.status_code, answer.json()["missing"]) == (200, []), name
    assert len(honest.done) > 1, "there was no honest traffic"
    assert await suite.decided() - suite.excused == set(honest.done), "an attack decided a request"
    assert set(await suite.world.facts()) <= suite.runs, "an attack started a run"
    checks = printed(await perdure_of(suite.world.settings.state, "admin", "check", "--json", "--within", "60s"))
    assert all(check["violated"] == 0 for check in checks if "check" in check), checks
