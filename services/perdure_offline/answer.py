"""The offline model's answer to a conversation: a tool call, a filled form, or a report."""

import json
from collections.abc import Sequence

from pydantic_ai.messages import ModelResponsePart, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters

from perdure_offline.analysis import Analysis
from perdure_offline.conversation import Conversation
from perdure_offline.facts import Facts
from perdure_offline.form import fill
from perdure_offline.report import report
from perdure_offline.task import Assignment, named_tasks, read_assignment
from perdure_offline.tool_choice import choose_tools

__all__ = ["answer"]


def answer(conversation: Conversation, parameters: ModelRequestParameters) -> Sequence[ModelResponsePart]:
    """Return the parts of the response, in the form that the parameters demand."""
    if calls := choose_tools(conversation, parameters.function_tools):
        return calls
    assignment = _assignment(conversation)
    facts = Facts(Analysis(assignment.text), assignment.tasks)
    if parameters.output_object is not None:
        return [TextPart(json.dumps(fill(parameters.output_object.json_schema, facts), ensure_ascii=False))]
    if parameters.output_tools and not parameters.allow_text_output:
        form = parameters.output_tools[0]
        call_id = f"offline-{conversation.turn}-output"
        return [ToolCallPart(form.name, fill(form.parameters_json_schema, facts), tool_call_id=call_id)]
    return [TextPart(report(facts.analysis, facts.tasks))]


def _assignment(conversation: Conversation) -> Assignment:
    """Return the tasks and the text; after tool calls, the text is what the tools returned."""
    if not conversation.tool_results:
        return read_assignment(conversation.instruction, conversation.prompt)
    tasks = named_tasks(conversation.prompt) or named_tasks(conversation.instruction)
    return Assignment(tasks, conversation.prompt, "\n\n".join(conversation.tool_results))
