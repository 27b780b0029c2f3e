import pytest

from perdure.flow.messages import FunctionCall, FunctionTool
from perdure_orchestrator.agents.function_runner import FunctionRefused, Functions


@pytest.mark.parametrize(
    ("tool", "sentence"),
    [
        (
            FunctionTool(name="f", module="shop.nowhere", path="f"),
            "The module shop.nowhere of the function f is not here",
        ),
        (FunctionTool(name="f", module="json", path="no_such"), "The module json has no function no_such"),
        (FunctionTool(name="f", module="os", path="getcwd"), "name its module in `workflows:` too"),
    ],
)
def test_an_unknown_function_is_refused_and_never_retried(tool: FunctionTool, sentence: str) -> None:
    functions = Functions(["shop.workflows", "json"])

    with pytest.raises(FunctionRefused, match=sentence):
        functions.prepare(FunctionCall(agent="clerk", function=tool, arguments={}))
