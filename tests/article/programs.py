"""The programs of an article on durable agents, as somebody writes them who knows mcp-agent; here they run."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.common import RetryPolicy

from perdure.flow.mcp_agent import Agent, MCPApp, Workflow, WorkflowResult, workflow

app = MCPApp(name="article")

BOOKS: list[str] = []
"""What the steps of the order did, oldest first."""


@app.workflow
class DocumentAnalysisWorkflow(Workflow[str]):
    @app.workflow_run
    async def run(self, document_path: str) -> WorkflowResult[str]:
        loader = Agent(name="loader", server_names=["filesystem"])
        async with loader:
            document = await loader.tools.load_file(document_path)
        analyst = Agent(name="analyst", server_names=["llm"])
        async with analyst:
            analysis = await analyst.llm.generate_str(f"Analyse: {document}")
        reporter = Agent(name="reporter", server_names=["llm"])
        async with reporter:
            report = await reporter.llm.generate_str(f"Report: {analysis}")
        return WorkflowResult(value=report)


@app.workflow
class ContentModerationWorkflow(Workflow[str]):
    def __init__(self) -> None:
        self.status: dict[str, str] | None = None

    @app.workflow_signal
    async def approve(self, reviewer: str, comments: str) -> None:
        self.status = {"status": "approved", "reviewer": reviewer, "comments": comments}

    @app.workflow_signal
    async def reject(self, reviewer: str, reason: str) -> None:
        self.status = {"status": "rejected", "reviewer": reviewer, "reason": reason}

    @app.workflow_run
    async def run(self, content: str) -> WorkflowResult[str]:
        moderator = Agent(name="moderator", server_names=["llm"])
        async with moderator:
            await moderator.llm.generate_str(f"Review: {content}")
        await workflow.wait_condition(lambda: self.status is not None)
        assert self.status is not None
        if self.status["status"] == "approved":
            async with moderator:
                return WorkflowResult(
                    value=await moderator.llm.generate_str(f"Improve: {content}. {self.status['comments']}")
                )
        return WorkflowResult(error=f"Rejected: {self.status['reason']}")


@app.workflow
class MultiAgentAnalysisWorkflow(Workflow[dict[str, str]]):
    @app.workflow_run
    async def run(self, document: str) -> WorkflowResult[dict[str, str]]:
        async def ask(name: str) -> str:
            async with Agent(name=name, instruction=f"Find the {name}") as agent:
                return await agent.llm.generate_str(f"{name}: {document}")

        sentiment, entities, summary = await asyncio.gather(ask("sentiment"), ask("entities"), ask("summary"))
        return WorkflowResult(value={"sentiment": sentiment, "entities": entities, "summary": summary})


@app.workflow
class OrderProcessingWorkflow(Workflow[dict[str, str]]):
    @app.workflow_task
    async def reserve_inventory(self, order: dict[str, Any]) -> str:
        BOOKS.append("reserve")
        return f"r-{order['id']}"

    @app.workflow_task
    async def process_payment(self, order: dict[str, Any]) -> str:
        BOOKS.append("pay")
        return f"p-{order['id']}"

    @app.workflow_task
    async def schedule_shipping(self, order: dict[str, Any]) -> str:
        if order.get("far"):
            raise ValueError("nobody ships there")
        BOOKS.append("ship")
        return f"s-{order['id']}"

    @app.workflow_task
    async def release_inventory(self, _: str) -> None:
        BOOKS.append("release")

    @app.workflow_task
    async def refund_payment(self, _: str) -> None:
        BOOKS.append("refund")

    @app.workflow_run
    async def run(self, order: dict[str, Any]) -> WorkflowResult[dict[str, str]]:
        options = {
            "start_to_close_timeout": timedelta(minutes=5),
            "retry_policy": RetryPolicy(maximum_attempts=2),
        }
        compensations = []
        try:
            reserved = await workflow.execute_activity(self.reserve_inventory, order, **options)
            compensations.append((self.release_inventory, reserved))
            paid = await workflow.execute_activity(self.process_payment, order, **options)
            compensations.append((self.refund_payment, paid))
            shipping = await workflow.execute_activity(self.schedule_shipping, order, **options)
        except Exception as error:  # noqa: BLE001 (so the article has it)
            for undo, data in reversed(compensations):
                await workflow.execute_activity(undo, data, **options)
            return WorkflowResult(error=f"Failed: {error.__cause__ or error}")
        return WorkflowResult(value={"order_id": order["id"], "status": "completed", "shipping": shipping})


@app.workflow_task
async def notify_error(words: str) -> None:
    BOOKS.append(words)


@app.async_tool(name="EssayGradingWorkflow")
async def grade_essay(essay_path: str) -> str:
    """Grade an essay and write a report."""
    async with Agent(name="loader") as agent:
        essay = await agent.tools.load_file(essay_path)
    retry_policy = RetryPolicy(
        initial_interval=timedelta(seconds=2),
        maximum_interval=timedelta(minutes=1),
        backoff_coefficient=2.0,
        maximum_attempts=5,
    )
    try:
        async with Agent(name="analyzer") as analyzer:
            analysis = await workflow.execute_activity(
                analyzer.llm.generate_str,
                f"Analyse: {essay}",
                start_to_close_timeout=timedelta(minutes=5),
                retry_policy=retry_policy,
            )
        if "disputed" in analysis:
            await workflow.signal_wait("teacher_approval")
        async with Agent(name="reporter") as agent:
            report = await agent.llm.generate_str(f"Grade: {analysis}")
        await agent.tools.write_file(f"{essay_path}.report.md", report)
    except Exception as error:
        await workflow.execute_activity(
            notify_error, f"Grading failed: {error.__cause__ or error}", start_to_close_timeout=timedelta(minutes=1)
        )
        raise
    return report
