"""What a terminal shows of what a run used."""

from datetime import UTC, datetime
from decimal import Decimal

from perdure.cli.output import progress_line, usage_lines
from perdure.contracts import Progress, RunUsage, Usage

PRICED = Usage(requests=1, input_tokens=11, output_tokens=3, cost_usd=Decimal("0.0025"))
UNPRICED = Usage(requests=1, input_tokens=11, output_tokens=3, unpriced_requests=1)
ASKED = RunUsage.of_request("clerk", "gpt-4o", PRICED)


def test_what_a_run_used_is_told_in_all_by_agent_and_by_model() -> None:
    used = ASKED + RunUsage.of_request("guard", "house", UNPRICED) + RunUsage(tool_calls=1)

    assert list(usage_lines(used)) == [
        "Used: 2 model requests, 1 tool calls, 22 tokens in, 6 out, 0.0025 USD, 1 without a known price",
        "  agent clerk: 1 requests, 14 tokens, 0.0025 USD",
        "  agent guard: 1 requests, 14 tokens, of unknown cost",
        "  model gpt-4o: 1 requests, 14 tokens, 0.0025 USD",
        "  model house: 1 requests, 14 tokens, of unknown cost",
    ]


def test_of_a_run_that_asked_nobody_nothing_is_told() -> None:
    assert list(usage_lines(RunUsage())) == []


def test_a_request_to_a_model_tells_which_and_what_it_used() -> None:
    fact = Progress(
        workflow="W",
        workflow_id="w",
        run_id="r",
        sequence=3,
        kind="step_completed",
        step="clerk: ask",
        at=datetime.now(UTC),
        usage=ASKED,
    )

    line = progress_line(fact).plain

    assert line.endswith("clerk: ask  gpt-4o, 14 tokens, 0.0025 USD")
