"""Three agents analyse a document in parallel; one that fails does not hide the results of the others."""

from pydantic import BaseModel
from temporalio import workflow

from perdure.flow import Agent, WorkflowResult
from perdure.flow.patterns import Failure, parallel


class Document(BaseModel):
    text: str


class Analysis(BaseModel):
    found: dict[str, str]
    failed: dict[str, str] = {}


@workflow.defn
class MultiAgentAnalysis:
    """Started by ``documents.multi_analysis``; takes as long as the slowest agent."""

    @workflow.run
    async def run(self, document: Document) -> WorkflowResult[Analysis]:
        sides = {
            "sentiment": Agent("sentiment", instruction="You judge the sentiment of a text."),
            "entities": Agent("entities", instruction="You find the entities that a text names."),
            "summary": Agent("summary", instruction="You summarise texts."),
        }
        prompts = {
            "sentiment": f"Judge the sentiment:\n\n{document.text}",
            "entities": f"Find the entities:\n\n{document.text}",
            "summary": f"Write a summary:\n\n{document.text}",
        }
        answers = await parallel({side: agent.llm.generate_str(prompts[side]) for side, agent in sides.items()})
        failed = {side: answer.error for side, answer in answers.items() if isinstance(answer, Failure)}
        if len(failed) == len(sides):
            return WorkflowResult(error=f"No agent answered: {failed['summary']}")
        found = {side: answer for side, answer in answers.items() if not isinstance(answer, Failure)}
        return WorkflowResult(value=Analysis(found=found, failed=failed))
