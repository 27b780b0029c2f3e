import pytest
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import DocumentReport
from perdure_orchestrator.workflows import DocumentAnalysis
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_approved_report_is_written_beside_the_document(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, DocumentAnalysis) as worker:
        run = await worker.start("DocumentAnalysis", {"path": "inbox/contract.md"})
        await worker.decide(run, digest=(await worker.approval_request()).digest, comment="fine")
        result = DocumentReport.model_validate(await run.result())

    assert result == DocumentReport(path="inbox/contract.report.md", approved=True, decided_by="ann", comment="fine")
    read, write = worker.agents.tool_requests
    assert (read.tool, read.arguments) == ("read_text_file", {"path": "inbox/contract.md"})
    assert (write.tool, write.arguments["path"]) == ("write_file", "inbox/contract.report.md")
    assert len(worker.agents.model_requests) == 5


@pytest.mark.parametrize("answer", ["reject", "silence"])
async def test_without_an_approval_nothing_is_written(environment: WorkflowEnvironment, answer: str) -> None:
    async with open_scripted_worker(environment, DocumentAnalysis) as worker:
        run = await worker.start("DocumentAnalysis", {"path": "contract.md"})
        if answer == "reject":
            await worker.decide(run, decision="reject", digest=(await worker.approval_request()).digest)
        result = DocumentReport.model_validate(await run.result())

    assert (result.path, result.approved) == (None, False)
    assert [call.tool for call in worker.agents.tool_requests] == ["read_text_file"]
