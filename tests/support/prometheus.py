"""Programs of Prometheus, which the operating system's package installs, and a server for one test."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.support.ports import free_port


def program(name: str) -> str:
    """Return the path of a program, or fail with what to install."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing: `apt-get install --no-install-recommends prometheus`, as .ci/run does.")
    return path


class Prometheus:
    """A running server, asked by HTTP."""

    def __init__(self, port: int) -> None:
        self._client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    def close(self) -> None:
        self._client.close()

    def is_ready(self) -> bool:
        try:
            return self._client.get("/-/ready").is_success
        except httpx2.HTTPError:
            return False

    def firing(self) -> dict[str, datetime]:
        """Return since when each alert that fires has had its cause (UTC), by name."""
        alerts = self._client.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
        firing = [it for it in alerts if it["state"] == "firing"]
        return {it["labels"]["alertname"]: datetime.fromisoformat(it["activeAt"][:19] + "+00:00") for it in firing}

    def has_scraped(self, jobs: Iterable[str]) -> bool:
        """Return whether each job answered the last time."""
        answer = self._client.get("/api/v1/query", params={"query": "up == 1"}).raise_for_status()
        return {it["metric"]["job"] for it in answer.json()["data"]["result"]} >= set(jobs)


@contextmanager
def prometheus(folder: Path, rules: str, targets: dict[str, str]) -> Iterator[Prometheus]:
    """Run a server that scrapes every three seconds.

    Args:
        folder: Where it stores what it scrapes.
        rules: The content of its rule file.
        targets: ``host:port`` by job.
    """
    jobs: list[dict[str, Any]] = [
        {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()
    ]
    often = {"scrape_interval": "3s", "scrape_timeout": "3s", "evaluation_interval": "1s"}
    configuration = {"global": often, "rule_files": ["rules.yml"], "scrape_configs": jobs}
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            with closing(Prometheus(port)) as asked:
                yield asked
        finally:
            server.terminate()
