"""A failed background task ends its block, and with it the process."""

import asyncio
import logging
import subprocess
import sys

import pytest

from perdure.runtime.background import background


async def _fail() -> None:
    raise ValueError("a defect")


async def test_a_task_that_fails_ends_the_block_with_its_error() -> None:
    async def block() -> None:
        async with asyncio.timeout(5), background(_fail()):
            await asyncio.Event().wait()

    with pytest.raises(ValueError, match="a defect"):
        await block()


async def test_an_error_of_the_block_is_raised_unwrapped() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def block() -> None:
        async with background(wait()):
            await asyncio.sleep(0)
            raise KeyError("of the block")

    with pytest.raises(KeyError, match="of the block"):
        await block()

    assert cancelled.is_set()


async def test_a_task_that_swallows_one_cancellation_is_cancelled_again() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    async with asyncio.timeout(5), background(stubborn()):
        await asyncio.sleep(0)


async def test_a_cancelled_block_cancels_its_tasks() -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def block() -> None:
        async with background(wait()):
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_of_two_errors_the_second_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("while it was cancelled")

    with pytest.raises(ValueError, match="a defect"), caplog.at_level(logging.ERROR):
        async with background(fail_when_cancelled(), _fail()):
            await asyncio.Event().wait()

    assert "while it was cancelled" in caplog.text


def test_a_service_whose_background_task_fails_ends_with_exit_code_1_and_logs_the_error() -> None:
    program = """
import asyncio
from perdure.runtime import service
from perdure.runtime.background import background

async def fail():
    raise ValueError("a defect in the background")

async def serve(*_):
    async with background(fail()):
        await asyncio.Event().wait()

service._serve = serve
service.run("audit", None)
"""

    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    assert "a defect in the background" in ended.stderr
