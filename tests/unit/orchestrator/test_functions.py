import pytest

from perdure.flow.messages import FunctionCall, FunctionTool
from perdure_orchestrator.agents.function_runner import FunctionRefused, Functions


def cut_emoji() -> dict[str, list[str]]:
    return {"a": ["\ude00", "\U0001f600"]}


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


async def test_a_function_may_return_half_of_a_surrogate_pair() -> None:
    tool = FunctionTool(name="cut_emoji", module=__name__, path="cut_emoji")
    call = FunctionCall(agent="clerk", function=tool, arguments={})

    result = await Functions([__name__]).prepare(call)()

    assert result.structured == {"a": ["\ufffd", "\U0001f600"]}
    assert result.model_dump_json()
