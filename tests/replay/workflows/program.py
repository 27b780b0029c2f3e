"""Programs as somebody writes them who knows mcp-agent. FROZEN, see the package."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.common import RetryPolicy

from perdure.flow.mcp_agent import Agent, MCPApp, Workflow, WorkflowResult, workflow

app = MCPApp(name="corpus")

OPTIONS: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=5),
    "retry_policy": RetryPolicy(maximum_attempts=2, initial_interval=timedelta(seconds=1)),
}


@app.workflow
class ModerationProgram(Workflow[str]):
    def __init__(self) -> None:
        self.status: dict[str, str] | None = None

    @app.workflow_signal
    async def approve(self, reviewer: str, comments: str) -> None:
        self.status = {"status": "approved", "reviewer": reviewer, "comments": comments}

    @app.workflow_signal(name="refuse")  # type: ignore[untyped-decorator] # as programs have it
    async def reject(self, reviewer: str, reason: str) -> None:
        self.status = {"status": "rejected", "reviewer": reviewer, "reason": reason}

    @app.workflow_run
    async def run(self, content: str) -> WorkflowResult[str]:
        moderator = Agent(name="moderator", server_names=["llm"])
        async with moderator:
            await moderator.llm.generate_str(f"Review: {content}")
        await workflow.wait_condition(lambda: self.status is not None)
        status = self.status or {}
        if status["status"] == "rejected":
            return WorkflowResult(error=f"Rejected: {status['reason']}")
        async with moderator:
            text = await moderator.llm.generate_str(f"Improve: {content}. {status['comments']}")
        return WorkflowResult(value=text)


@app.workflow
class SidesProgram(Workflow[dict[str, str]]):
    @app.workflow_run
    async def run(self, document: str) -> WorkflowResult[dict[str, str]]:
        async def ask(name: str) -> str:
            async with Agent(name=name, instruction=f"Find the {name}") as agent:
                return await agent.llm.generate_str(f"{name}: {document}")

        mood, gist = await asyncio.gather(ask("mood"), ask("gist"))
        return WorkflowResult(value={"mood": mood, "gist": gist})


@app.workflow
class OrderProgram(Workflow[dict[str, str]]):
    @app.workflow_task
    async def reserve_inventory(self, order: dict[str, Any]) -> str:
        return f"r-{order['id']}"

    @app.workflow_task(name="take_payment")  # type: ignore[untyped-decorator] # likewise
    async def process_payment(self, order: dict[str, Any]) -> str:
        return f"p-{order['id']}"

    @app.workflow_task
    async def schedule_shipping(self, order: dict[str, Any]) -> str:
        if order.get("far"):
            raise ValueError("nobody ships there")
        return f"s-{order['id']}"

    @app.workflow_task
    async def release_inventory(self, _: str) -> None: ...

    @app.workflow_task
    async def refund_payment(self, _: str) -> None: ...

    @app.workflow_run
    async def run(self, order: dict[str, Any]) -> WorkflowResult[dict[str, str]]:
        compensations = []
        try:
            reserved = await workflow.execute_activity(self.reserve_inventory, order, **OPTIONS)
            compensations.append((self.release_inventory, reserved))
            paid = await workflow.execute_activity(self.process_payment, order, **OPTIONS)
            compensations.append((self.refund_payment, paid))
            shipping = await workflow.execute_activity(self.schedule_shipping, order, **OPTIONS)
        except Exception as error:  # noqa: BLE001 (so programs have it)
            for undo, data in reversed(compensations):
                await workflow.execute_activity(undo, data, **OPTIONS)
            return WorkflowResult(error=f"Failed: {error.__cause__ or error}")
        return WorkflowResult(value={"order_id": order["id"], "shipping": shipping})


@app.workflow_task
async def notify_error(_: str) -> None: ...


@app.async_tool(name="GradingProgram")
async def grade(item: str) -> str:
    """Ask all servers, an agent's model as if it were an activity, and a teacher if need be."""
    async with Agent(name="loader") as agent:
        text = await agent.tools.price(item)
    try:
        async with Agent(name="analyser") as analyser:
            analysis = await workflow.execute_activity(analyser.llm.generate_str, f"Analyse: {text}", **OPTIONS)
        teacher = await workflow.signal_wait("teacher_approval") if "disputed" in analysis else "nobody"
    except Exception as error:
        await workflow.execute_activity(notify_error, f"failed: {error}", start_to_close_timeout=timedelta(minutes=1))
        raise
    return f"{analysis}, {teacher}"
