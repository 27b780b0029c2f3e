"""Chromium, and a suite with a console to look at."""

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import yaml
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from perdure.local.state import Endpoints, read_endpoints
from tests.support.command_line import perdure
from tests.support.perdure_up import running

__all__ = ["PATIENCE", "Shop", "browser", "findings_of", "open_shop", "watched"]

PATIENCE: Final = 60_000
"""Milliseconds in which something must show, however busy the machine is."""

_CODE: Final = """
from typing import Any

from temporalio import workflow

from perdure.flow import approval


@workflow.defn
class Order:
    @workflow.run
    async def run(self, data: dict[str, Any]) -> dict[str, Any]:
        buying = {"buy": data["item"], "amount": data["amount"]}
        await approval(data["item"], details={"note": data["item"]}, action=buying)
        return {"bought": data["item"]}
"""
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["item", "amount"],
    "properties": {"item": {"type": "string"}, "amount": {"type": "integer", "default": 3}},
}
_AXE: Final = Path(sys.prefix) / "npm" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Shop:
    """A running suite.

    Attributes:
        folder: The user's folder.
    """

    folder: Path

    @property
    def endpoints(self) -> Endpoints:
        """Where its programs are now."""
        found = read_endpoints(self.folder / ".perdure")
        assert found is not None
        return found

    @property
    def address(self) -> str:
        """The console's base URL."""
        return self.endpoints.services["console"]

    def enter(self, page: Page) -> None:
        """Enter the console as the login user, by a link of ``perdure console``."""
        page.goto(perdure(self.folder, "console").stdout.strip())
        page.get_by_role("button", name="Enter").click()
        page.wait_for_url(f"{self.address}/")

    def enrol(self, page: Page) -> str:
        """Make a key in the browser and accept it; returns its id."""
        page.goto(f"{self.address}/key")
        page.get_by_role("button", name="Make a key").click()
        offered = page.get_by_text("perdure approvers accept").first
        offered.wait_for(timeout=PATIENCE)
        found = re.search(r"accept ([0-9a-f]{16})", offered.inner_text())
        assert found is not None
        accepted = perdure(self.folder, "approvers", "accept", found[1])
        assert accepted.returncode == 0, accepted.stderr
        return found[1]

    def publish(self, page: Page, item: str) -> None:
        """Publish an event from the form of its route's schema; the event's page opens."""
        page.goto(f"{self.address}/publish?type=orders.placed")
        page.get_by_label("item").fill(item)
        page.get_by_role("button", name="Publish").click()
        page.wait_for_url("**/event?id=*", timeout=PATIENCE)

    def kill(self, *names: str) -> None:
        """Kill processes, and wait until others are in their places."""
        before = self.endpoints.pids
        for name in names:
            os.kill(before[name], signal.SIGKILL)
        wait_until(lambda: all(self.endpoints.pids.get(name) not in {None, before[name]} for name in names))


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """Run ``perdure up`` with a workflow that asks for an approval."""
    routes = [{"on": "orders.placed", "start": "Order", "schema": _SCHEMA}]
    (folder / "perdure.yaml").write_text(yaml.safe_dump({"workflows": ["shop"], "routes": routes}))
    (folder / "shop.py").write_text(_CODE)
    with running(folder):
        yield Shop(folder)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium; nothing is downloaded."""
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is not installed: apt-get install chromium"
    with sync_playwright() as playwright:
        running_ = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield running_
        finally:
            running_.close()


@dataclass
class watched:  # noqa: N801 (it is used as a block)
    """A block in which a page may break no policy and throw no error.

    Attributes:
        page: The page.
        allowed: Console messages that are expected, as patterns: a killed server answers nothing.
    """

    page: Page
    allowed: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            assert self.problems == []

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(re.search(it, message.text) for it in self.allowed):
            self.problems.append(message.text)


def findings_of(page: Page) -> list[tuple[str, str]]:
    """Return what axe-core finds on a page: the rule, and an element that breaks it."""
    assert _AXE.exists(), "axe-core from npm is not installed: run `make test`"
    page.evaluate(_AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("(tags) => axe.run({ runOnly: tags })", tags)
    return [(it["id"], it["nodes"][0]["html"]) for it in found["violations"]]


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
