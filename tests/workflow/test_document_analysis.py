import pytest
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import DocumentReport
from perdure_orchestrator.workflows import DocumentAnalysis
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_approved_report_is_written_beside_the_document(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, DocumentAnalysis) as stage:
        run = await stage.start("DocumentAnalysis", {"path": "inbox/contract.md"})
        await stage.decide(run, digest=(await stage.asked()).digest, comment="fine")
        result = DocumentReport.model_validate(await run.result())

    assert result == DocumentReport(path="inbox/contract.report.md", approved=True, decided_by="ann", comment="fine")
    read, write = stage.agents.called
    assert (read.tool, read.arguments) == ("read_text_file", {"path": "inbox/contract.md"})
    assert (write.tool, write.arguments["path"]) == ("write_file", "inbox/contract.report.md")
    assert len(stage.agents.asked) == 5


@pytest.mark.parametrize("answer", ["reject", "silence"])
async def test_without_a_yes_nothing_is_written(environment: WorkflowEnvironment, answer: str) -> None:
    async with open_scripted_worker(environment, DocumentAnalysis) as stage:
        run = await stage.start("DocumentAnalysis", {"path": "contract.md"})
        if answer == "reject":
            await stage.decide(run, decision="reject", digest=(await stage.asked()).digest)
        result = DocumentReport.model_validate(await run.result())

    assert (result.path, result.approved) == (None, False)
    assert [call.tool for call in stage.agents.called] == ["read_text_file"]
