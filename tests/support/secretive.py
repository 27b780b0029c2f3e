"""Workflows that put a text into everything that Temporal can hold of a run, and keys to encrypt it."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.encryption import new_key_line
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.secret_file import write_secret

PLANTED = "Tulpenzwiebeln-4711"
"""The text that nobody without the keys may find."""

_SOON = timedelta(seconds=30)
_ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def repeat_text(text: str) -> str:
    if not activity.info().is_local:
        activity.heartbeat(text)
    await asyncio.sleep(0.1)  # heartbeats are sent beside the step
    return f"{text}!"


@activity.defn
async def fail_with(text: str) -> None:
    raise ApplicationError(f"no stock of {text}", {"ordered": text}, type="OutOfStock", non_retryable=True)


@workflow.defn
class Inner:
    @workflow.run
    async def run(self, text: str) -> str:
        return f"{text} (inner)"


@workflow.defn
class Secretive:
    """Handles a text in each way, waits for its end, and returns or raises it."""

    def __init__(self) -> None:
        self.text = ""
        self.received: list[str] = []
        self.last = False

    @workflow.run
    async def run(self, text: str, times: int = 1) -> str:
        self.text = text
        workflow.upsert_memo({"about": text})
        await workflow.execute_activity(repeat_text, text, start_to_close_timeout=_SOON, summary=text)
        await workflow.execute_local_activity(repeat_text, text, start_to_close_timeout=_SOON)
        await workflow.execute_child_workflow(Inner.run, text * 200, id=f"{workflow.info().workflow_id}-inner")
        try:
            await workflow.execute_activity(fail_with, text, start_to_close_timeout=_SOON, retry_policy=_ONCE)
        except Exception as error:  # noqa: BLE001 (whatever a run may make of it)
            self.received.append(str(error.__cause__))
        if times:
            workflow.continue_as_new(args=[text, times - 1])
        await workflow.wait_condition(lambda: self.last)
        if "fail" in self.received[-1]:
            raise ApplicationError(f"{text} is sold out", {"ordered": text}, type="SoldOut")
        return text * 300

    @workflow.query
    def shown(self, prefix: str) -> str:
        if prefix == "fail":
            raise ApplicationError(f"{self.text} cannot be shown")
        return f"{prefix}{self.text}"

    @workflow.update
    async def change(self, text: str) -> str:
        self.received.append(text)
        return f"{self.text} and {text}"

    @workflow.signal
    def finish(self, text: str) -> None:
        self.received.append(text)
        self.last = True


class Results(Interceptor):
    """Keeps what workflows outside of a sandbox have returned."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 (temporalio's signature)
    ) -> type[WorkflowInboundInterceptor]:
        """Return the class that keeps them here."""
        found = self.found

        class Keeping(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 (as above)
                found.append(result := await super().execute_workflow(input))
                return result

        return Keeping


def key_file(folder: Path, *ids: str) -> Path:
    """Return a file with a ring of new keys."""
    return write_secret(folder / "keys", "".join(new_key_line(name) for name in ids or ("first",)))


def encrypting(
    keys: Path | None, *, bus: MemoryBus | None = None, objects: MemoryObjects | None = None, **temporal: Any
) -> PerdurePlugin:
    """Return a plugin with these keys, or without encryption."""
    given = {"temporal": {"inline_payload_bytes": 1024, "sandbox": False} | temporal}
    settings = Settings.model_validate({**given, "encryption": {} if keys is None else {"keys_file": keys}})
    backends = AgentBackends(ScriptedModel(lambda prompt: prompt), {})
    return PerdurePlugin(settings, bus=bus or MemoryBus(), objects=objects or MemoryObjects(), backends=backends)
