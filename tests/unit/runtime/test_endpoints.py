"""What a service answers about itself."""

import httpx2
import pytest

from perdure.config.instance import INSTANCE_VARIABLE
from perdure.config.settings import ServiceSettings
from perdure.errors import SetupError
from perdure.runtime.endpoints import Health, endpoints
from tests.support.ports import free_port
from tests.support.strangers import stranger


async def answer(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(f"{url}/readyz")


async def test_readiness_names_the_service_and_the_suite_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    port, health = free_port(), Health("ingest")
    monkeypatch.setenv(INSTANCE_VARIABLE, "ours")
    async with endpoints(ServiceSettings(http_port=port), health):
        starting = await answer(f"http://127.0.0.1:{port}")
        health.open = True
        ready = await answer(f"http://127.0.0.1:{port}")

    assert (starting.status_code, starting.json()["missing"]) == (503, ["start-up"])
    assert (ready.status_code, ready.json()) == (200, {"service": "ingest", "instance": "ours", "missing": []})


async def test_a_service_that_no_suite_started_names_none() -> None:
    port = free_port()
    async with endpoints(ServiceSettings(http_port=port), Health("ingest")):
        assert (await answer(f"http://127.0.0.1:{port}")).json()["instance"] is None


async def test_a_service_listens_on_an_ipv6_interface() -> None:
    port = free_port()
    async with endpoints(ServiceSettings(http_host="::1", http_port=port), Health("ingest")):
        assert (await answer(f"http://[::1]:{port}")).status_code == 503


async def test_a_taken_port_is_reported_with_its_key() -> None:
    async with stranger(b"") as where:
        own = ServiceSettings(http_port=int(where.rpartition(":")[2]))
        with pytest.raises(SetupError, match=rf"{where}.*set another `ingest\.http_port`"):
            async with endpoints(own, Health("ingest")):
                pytest.fail("two listen on one port")
