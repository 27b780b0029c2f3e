"""Grades an essay, waits for a teacher if the grade is disputed, and writes the report beside the essay."""

from datetime import timedelta

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy

from perdure.flow import Agent, alert, note

PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=1),
    maximum_attempts=5,
)


class Essay(BaseModel):
    path: str
    disputed: bool = False  # the pupil disagrees with an earlier grade
    bulk: bool = False


class Graded(BaseModel):
    report: str
    approved_by: str | None = None


@workflow.defn
class EssayGrading:
    """Started by ``essays.submitted``; the signal ``teacher_approval`` carries the teacher's name."""

    def __init__(self) -> None:
        self._teacher: str | None = None

    @workflow.run
    async def run(self, essay: Essay) -> Graded:
        try:
            return await self._grade(essay)
        except Exception as error:
            why = f"{error.__cause__ or error}"
            await alert(f"The essay {essay.path} was not graded", details=why, severity="high", roles=["administrator"])
            raise

    async def _grade(self, essay: Essay) -> Graded:
        async with (
            Agent("clerk", server_names=["filesystem"]) as clerk,
            Agent("analyser", instruction="You grade essays.", retry_policy=PATIENT) as analyser,
            Agent("reporter", instruction="You write reports.") as reporter,
        ):
            text = await clerk.tools.read_text_file(path=essay.path)
            analysis = await analyser.llm.generate_str(f"Analyse this essay:\n\n{text}")
            if essay.disputed or "disputed" in analysis.lower():
                await note("The grade is disputed: a teacher has to approve it.")
                await workflow.wait_condition(lambda: self._teacher is not None)
            report = await reporter.llm.generate_str(f"Draft a report from these parts:\n\n## Analysis\n\n{analysis}")
            path = f"{essay.path}.report.md"
            await clerk.tools.write_file(path=path, content=report)
        return Graded(report=path, approved_by=self._teacher)

    @workflow.signal
    def teacher_approval(self, teacher: str) -> None:
        self._teacher = self._teacher or teacher
