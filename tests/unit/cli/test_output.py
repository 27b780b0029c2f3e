"""Terminal output: usage, progress lines, tables and escaping."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.markup import escape

from perdure.cli.approvals.text import line
from perdure.cli.output import console, progress_line, table, usage_lines
from perdure.contracts import ApprovalRequested, Progress, RunUsage, Usage

PRICED = Usage(requests=1, input_tokens=11, output_tokens=3, cost_usd=Decimal("0.0025"))
UNPRICED = Usage(requests=1, input_tokens=11, output_tokens=3, unpriced_requests=1)
USED = RunUsage.of_request("clerk", "gpt-4o", PRICED)


def test_usage_of_a_run_is_shown_in_total_by_agent_and_by_model() -> None:
    used = USED + RunUsage.of_request("guard", "house", UNPRICED) + RunUsage(tool_calls=1)

    assert list(usage_lines(used)) == [
        "Used: 2 model requests, 1 tool calls, 22 tokens in, 6 out, 0.0025 USD, 1 without a known price",
        "  agent clerk: 1 requests, 14 tokens, 0.0025 USD",
        "  agent guard: 1 requests, 14 tokens, of unknown cost",
        "  model gpt-4o: 1 requests, 14 tokens, 0.0025 USD",
        "  model house: 1 requests, 14 tokens, of unknown cost",
    ]


def test_a_run_without_usage_shows_none() -> None:
    assert list(usage_lines(RunUsage())) == []


def test_a_model_request_shows_the_model_and_its_usage() -> None:
    fact = Progress(
        workflow="W",
        workflow_id="w",
        run_id="r",
        sequence=3,
        kind="step_completed",
        step="clerk: ask",
        at=datetime.now(UTC),
        usage=USED,
    )

    line = progress_line(fact).plain

    assert line.endswith("clerk: ask  gpt-4o, 14 tokens, 0.0025 USD")


@pytest.mark.parametrize(
    "trick", ["\x1b[2K", "\x1b]0;title\x07", "\u202e", "\u2066", "\r", "\x9b", "\u2028", "\U000e0001"]
)
def test_control_characters_are_escaped(trick: str) -> None:
    with console.capture() as shown:
        console.print(table("request", "title", rows=[("w.1", f"Pay 1 EUR{trick}!")]))
        console.out(f"Pay 1 EUR{trick}!")
        console.print(f"[bold]{escape(f'Pay 1 EUR{trick}!')}[/]")

    assert f"Pay 1 EUR{json.dumps(trick)[1:-1]}!" in shown.get()
    assert trick not in shown.get()


@pytest.mark.parametrize(
    "title", ["[red]fine[/]", "[/]", "[type=missing, input_value={}]", "a\\[b", "日本 ünïcode — ok"]
)
def test_text_that_looks_like_markup_is_shown_literally(title: str) -> None:
    with console.capture() as shown:
        console.print(table("title", rows=[(title,)]))

    assert title in shown.get()


def test_json_with_control_characters_is_still_the_same_json() -> None:
    value = {"title": "\x1b[2K \u202e \U000e0001 \n \t é"}

    with console.capture() as shown:
        console.out(json.dumps(value, ensure_ascii=False))

    assert json.loads(shown.get()) == value


def test_a_line_shows_the_title_of_a_request_literally() -> None:
    about = {"workflow": "W", "workflow_id": "w", "run_id": "r", "request_id": "w.1"}
    approval_request = ApprovalRequested(**about, title="[/] [red]x", digest="0" * 64, opened_at=datetime.now(UTC))

    with console.capture() as shown:
        console.print(line(approval_request))

    assert "[/] [red]x" in shown.get()
