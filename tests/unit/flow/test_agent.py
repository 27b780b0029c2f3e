from typing import Any

import pytest

from perdure.flow import Agent, mcp_agent
from tests.support import greeter


class Clerk(Agent):
    def __init__(self, desk: int, **options: Any) -> None:
        super().__init__(f"clerk {desk}", **options)


def test_an_agent_of_a_class_of_ones_own_takes_all_options() -> None:
    clerk = Clerk(desk=3, functions=[greeter.now], instruction="Be brief.")
    theirs = mcp_agent.Agent("clerk", functions=[greeter.now], tool_errors="raise")

    assert (clerk.name, theirs.name) == ("clerk 3", "clerk")


@pytest.mark.parametrize("kind", [Agent, Clerk, mcp_agent.Agent], ids=["ours", "an author's", "theirs"])
def test_an_option_that_no_agent_has_is_told_with_the_nearest_right_one(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"An agent has no option instructon: did you mean instruction\?"):
        kind("clerk", instructon="Be brief.")
