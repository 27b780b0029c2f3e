"""The metrics of Temporal's SDK: its Rust core serves them on a loopback port of its own, ``/metrics`` shows them."""

import socket
from collections.abc import Iterable
from typing import Final

import httpx2
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from temporalio.runtime import Runtime

from perdure.connections.temporal import new_runtime

__all__ = ["CoreMetrics"]

_LOOPBACK: Final = "127.0.0.1"
_TRIES: Final = 5  # another process may take the free port in between
_ANSWERS_WITHIN: Final = 2.0  # seconds


class CoreMetrics:
    """Starts a runtime that counts, and reads what it has counted.

    Attributes:
        runtime: For the client whose workers are to be counted.
    """

    def __init__(self) -> None:
        self._address, self.runtime = _started()

    async def read(self) -> Iterable[Metric]:
        """Return the metrics of the SDK, with Temporal's own names.

        Raises:
            httpx2.HTTPError: The core does not answer.
        """
        async with httpx2.AsyncClient(trust_env=False, timeout=_ANSWERS_WITHIN) as client:
            answer = await client.get(f"http://{self._address}/metrics")
        return list(text_string_to_metric_families(answer.raise_for_status().text))


def _started() -> tuple[str, Runtime]:
    tries = 0
    while True:
        with socket.create_server((_LOOPBACK, 0)) as free:
            address = f"{_LOOPBACK}:{free.getsockname()[1]}"
        try:
            return address, new_runtime(address)
        except ValueError:  # temporalio's error for a port that is taken
            tries += 1
            if tries == _TRIES:
                raise
