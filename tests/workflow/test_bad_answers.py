"""All bad answers of a provider over real HTTP, to whole runs: each run ends, and none completes with nothing."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pydantic_ai.direct  # noqa: F401 (a slow import, in which no step could heartbeat)
import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.flow import Agent
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support import greeter
from tests.support.llm_peer import LlmPeer, Planned, llm_peer
from tests.support.llm_wire import chat_completion
from tests.support.model_calls import KEY, providers
from tests.support.patient_worker import patient

pytestmark = pytest.mark.asyncio(loop_scope="session")

Run = Callable[[list[Planned]], Awaitable[str]]


@workflow.defn
class Greeting:
    """Asks an agent with functions; a step of it has two attempts."""

    @workflow.run
    async def run(self, model: str) -> str:
        functions: list[Any] = [greeter.greet, greeter.refuse]
        agent = Agent("clerk", functions=functions, model=model, retry_policy=RetryPolicy(maximum_attempts=2))
        reply = await agent.llm.generate("Greet Ann.")
        return f"{reply.text}, {reply.usage.total.tokens} tokens"


def chat(*calls: tuple[Any, str, str], text: str | None = None, **more: Any) -> bytes:
    """Return a response of OpenAI's chat completions with these calls: each an id, a name and arguments."""
    uses = [{"id": it, "type": "function", "function": {"name": name, "arguments": args}} for it, name, args in calls]
    message = {"content": text, **({"tool_calls": uses} if uses else {})}
    completion = chat_completion(message, "tool_calls" if uses else "stop", model="any")
    return json.dumps({**completion, **more}).encode()


def usage(into: int, out: int) -> dict[str, int]:
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}


@asynccontextmanager
async def runs(environment: WorkflowEnvironment, folder: Path) -> AsyncIterator[tuple[LlmPeer, Run]]:
    """Serve a provider, and run the workflow with a new provider name each time: no breaker spans two runs."""
    async with llm_peer() as peer:
        peer.slow = 2.0
        house = {**providers(peer.url, folder)["house"], "base_url": f"{peer.url}/v1"}
        known = {f"house{number}": house for number in range(60)}
        llm = {"providers": known, "request_timeout": "1s"}
        settings = Settings.model_validate({"temporal": {"sandbox": False, "on_bug": "fail"}, "llm": llm})
        configuration = environment.client.config()
        configuration["plugins"] = [PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects())]
        client = Client(**configuration)
        names = iter(known)
        Models(settings.llm).named("house0:any")  # its imports take seconds, in which no step can heartbeat

        async def run(plan: list[Planned]) -> str:
            peer.plan, name = [*plan], next(names)
            try:
                found = await client.execute_workflow("Greeting", f"{name}:any", id=name, task_queue="bad-answers")
            except WorkflowFailureError as failed:
                return error_text(failed)
            return str(found)

        async with patient(Worker(client, task_queue="bad-answers", workflows=[Greeting])):
            yield peer, run


def error_text(failed: WorkflowFailureError) -> str:
    """Return the type and the text of a run's error, which has no traceback and no key."""
    error = failed.cause.cause if isinstance(failed.cause, ActivityError) else failed.cause
    assert isinstance(error, ApplicationError), repr(error)
    assert KEY not in repr(error)
    assert "Traceback" not in error.message
    return f"{error.type}: {error.message}"


HTML = b"<html><body>Bad gateway</body></html>"
BAD = {"error": {"message": "Upstream is on fire", "type": "server_error", "code": 502}}
ENDS: dict[str, tuple[list[Planned], str]] = {
    "cut off at the limit": (["cut_off"], "AnswerCutOff: The answer of the model any was cut off at its limit"),
    "three times empty": (["empty"] * 3, "EmptyAnswer: The model any gave 3 empty answers"),
    "only blanks": ([chat(text=" \n")] * 3, "EmptyAnswer: "),
    "no text at all": ([chat()] * 3, "EmptyAnswer: "),
    "no choices": ([chat(choices=[])] * 6, "ModelFailed: "),
    "refused": (["refusal"], "ContentFiltered: "),
    "filtered": (["filtered"], "ContentFiltered: "),
    "a wrong request": (["refused"], "ModelRefused: The model house0:any did not answer: "),
    "rate limited": (["rate_limit"] * 2, "ModelOverloaded: "),
    "rate limited with a wait": (["rate_limit_wait"] * 2, "ModelOverloaded: "),
    "529": (["overloaded"] * 2, "ModelOverloaded: "),
    "503": (["unavailable"] * 2, "ModelUnavailable: "),
    "a page of a proxy": ([502, 502], "ModelFailed: "),
    "too slow": (["slow_headers"] * 2, "ModelTimeout: "),
    "a body that never ends": (["trickle"] * 2, "ModelTimeout: "),
    "cut within the body": (["cut"] * 2, "ModelUnavailable: "),
    "reset within the body": (["reset"] * 2, "ModelUnavailable: "),
    "closed before the answer": (["cut_early"] * 2, "ModelUnavailable: "),
    "no JSON": ([b"hello"] * 2, "ModelFailed: "),
    "an empty body": ([b""] * 2, "ModelUnavailable: "),
    "HTML with status 200": ([HTML] * 2, "ModelFailed: "),
    "an error with status 200": ([json.dumps(BAD).encode()] * 2, "ModelFailed: "),
    "a call without an id": ([chat((None, "greet", "{}"))] * 2, "ModelFailed: "),
    "JSON of another shape": ([b"[1]"] * 2, "ModelFailed: "),
}
GOES_ON: dict[str, tuple[list[Planned], str]] = {
    "an unknown tool": ([chat(("1", "gret", "{}"))], "hello, 28 tokens"),
    "broken arguments": ([chat(("1", "greet", '{"name": "An'))], "hello, 28 tokens"),
    "arguments that are no object": ([chat(("1", "greet", "[1]"))], "hello, 28 tokens"),
    "arguments of a wrong type": ([chat(("1", "greet", '{"name": {"a": 1}}'))], "hello, 28 tokens"),
    "an empty id": ([chat(("", "greet", "{}"))], "hello, 28 tokens"),
    "a failure, then an answer": (["unavailable"], "hello, 14 tokens"),
    "a wait until a date in the past": (["rate_limit_wait"], "hello, 14 tokens"),
    "no usage": ([chat(text="hi", usage=None)], "hi, 0 tokens"),
    "negative usage": ([chat(text="hi", usage=usage(-5, -1))], "hi, 0 tokens"),
    "huge usage": ([chat(text="hi", usage=usage(10**30, 3))], "hi, 3 tokens"),
    "usage in words": ([chat(text="hi", usage="much")], "hello, 14 tokens"),
}


async def test_each_bad_answer_ends_the_run_by_name(environment: WorkflowEnvironment, tmp_path: Path) -> None:
    async with runs(environment, tmp_path) as (_, run):
        ends = {what: await run(plan) for what, (plan, _) in ENDS.items()}

    differing = {
        what: (ends[what], end) for what, (_, end) in ENDS.items() if not ends[what].startswith(end.split("house0")[0])
    }
    assert differing == {}


@pytest.mark.filterwarnings("ignore:Failed to extract usage")  # it is a line in the log of a worker
async def test_a_run_goes_on_after_what_a_model_got_wrong(environment: WorkflowEnvironment, tmp_path: Path) -> None:
    async with runs(environment, tmp_path) as (peer, run):
        peer.retry_after = "Sun, 06 Nov 1994 08:49:37 GMT"
        ends = {what: await run(plan) for what, (plan, _) in GOES_ON.items()}

    assert {what: (ends[what], end) for what, (_, end) in GOES_ON.items() if not ends[what].startswith(end)} == {}


async def test_parallel_calls_keep_their_order_whatever_their_ids_and_though_one_fails(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    calls = [("same", "greet", '{"name": "Ann"}'), ("same", "refuse", "{}"), ("", "greet", '{"name": "Bob"}')]
    async with runs(environment, tmp_path) as (peer, run):
        answer = await run([chat(*calls, ("same", "greet", '{"name": "Cid"}'))])

    assert answer == "hello, 28 tokens"
    *_, asking, first, second, third, fourth = peer.requests[-1]["body"]["messages"]
    results = [first, second, third, fourth]
    assert [it["content"] for it in results] == ["Hello, Ann!", "Error: not today", "Hello, Bob!", "Hello, Cid!"]
    assert [it["tool_call_id"] for it in results] == [it["id"] for it in asking["tool_calls"]]
    assert len({it["tool_call_id"] for it in results}) == 4
