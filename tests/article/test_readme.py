"""The README's example of a test."""

from typing import Any

from perdure.testing import WorkflowRunner
from tests.article.selling import Selling
from tests.support import greeter
from tests.support.readme import README, blocks


async def test_the_example_of_a_test_passes(run_workflow: WorkflowRunner) -> None:
    shown = next(block for block in blocks(README, "python") if "run_workflow" in block)
    names: dict[str, Any] = {"Selling": Selling, "my_mcp_server": greeter.shop()}

    exec(shown, names)  # noqa: S102 (the repository's own README)
    await names["test_the_clerk_asks_for_the_price"](run_workflow)
