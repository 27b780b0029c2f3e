"""The inbox: open approval requests on the left, details of the selected one on the right, keys below."""

import asyncio
import time
from contextlib import suppress
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Header, Input, Static

from perdure.approvers import SigningKey
from perdure.bus import Bus
from perdure.bus.views.request_record import RequestRecord
from perdure.bus.views.requests import RequestFilter, list_requests
from perdure.cli.approvals.decide import decide_request
from perdure.cli.approvals.records import record_facts, votes_text
from perdure.cli.approvals.text import deadline_text, facts_of
from perdure.cli.output import age, cell, facts_text
from perdure.client.deciding import Choice
from perdure.contracts import LONGEST_COMMENT, ApprovalRequested
from perdure.errors import PerdureError
from perdure.values.printable import one_line, printable

__all__ = ["Inbox"]

_MOST_ROWS: Final = 1_000
_AT_MOST_EVERY: Final = 0.5  # seconds between two looks at what waits, and ten times what a look takes
_AT_LEAST_EVERY: Final = 15.0  # seconds: a terminated run publishes nothing about its requests


class Inbox(App[None]):
    """A list of open requests. A decision signs the digest of the request on the screen."""

    TITLE = "Inbox"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = [
        ("a", "answer('approve')", "Approve"),
        ("r", "answer('reject')", "Reject"),
        ("w", "answer('withdraw')", "Withdraw"),
        ("slash", "search", "Search"),
        ("q", "quit", "Quit"),
    ]
    CSS = """
    #waiting { width: 2fr; } #shown { width: 3fr; padding: 0 1; border-left: solid $primary; }
    #search { display: none; } #search.used { display: block; }
    """

    def __init__(self, bus: Bus, approver: str, key: SigningKey, workflow: str | None = None) -> None:
        super().__init__()
        self.sub_title = approver
        self._bus = bus
        self._approver = approver
        self._key = key
        self._workflow = workflow
        self._waiting: dict[str, RequestRecord] = {}
        self._changed = asyncio.Event()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Header()
        yield Input(placeholder="Only requests that contain", id="search")
        with Horizontal():
            yield DataTable[Text](id="waiting", cursor_type="row")
            with VerticalScroll(id="shown"):
                yield Static()
        yield Footer()

    def on_mount(self) -> None:
        """Start to watch for approval messages."""
        self._table.add_columns("title", "run", "age", "votes", "mine", "until")
        self._table.focus()
        self.run_worker(self._watch_approvals())
        self.run_worker(self._reload_on_change())

    def on_data_table_row_highlighted(self) -> None:
        """Show the request under the cursor."""
        self._show_one()

    def on_input_changed(self) -> None:
        """Show only requests that contain the text."""
        self._fill()

    def on_input_submitted(self) -> None:
        """Go back to the list."""
        self._table.focus()

    def action_search(self) -> None:
        """Move to the search field."""
        self.query_one("#search").add_class("used").focus()

    def action_answer(self, choice: Choice) -> None:
        """Decide the selected request, after a prompt for a comment or a reason."""
        record = self._selected()
        if record is None:
            return
        request = record.request

        def send(comment: str | None) -> None:
            if comment is not None:
                self.run_worker(self._send(request, choice, comment))

        self.push_screen(_Comment(request, choice), send)

    async def _watch_approvals(self) -> None:
        self._changed.set()
        async for _ in self._bus.subscribe("approvals.>"):
            self._changed.set()

    async def _reload_on_change(self) -> None:
        """Reload the requests whenever a message about one arrives."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_AT_LEAST_EVERY):
                    await self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            try:
                waiting = await list_requests(self._bus, RequestFilter(workflow=self._workflow, limit=_MOST_ROWS))
            except PerdureError as error:
                self._notify(str(error), good=False)
            else:
                self._waiting = {record.request.request_id: record for record in waiting}
                self._fill()
            await asyncio.sleep(max(_AT_MOST_EVERY, 10 * (time.monotonic() - began)))

    async def _send(self, request: ApprovalRequested, choice: Choice, comment: str) -> None:
        try:
            receipt = await decide_request(self._bus, request, choice, comment, approver=self._approver, key=self._key)
        except PerdureError as error:
            self._notify(str(error), good=False)
        else:
            self._notify(f"{one_line(request.title)}\n{one_line(receipt.reason)}", good=receipt.accepted)

    def _fill(self) -> None:
        """Fill the list anew and leave the cursor on its request."""
        table, selected = self._table, self._selected()
        wanted = self.query_one("#search", Input).value.lower()
        table.clear()
        for request_id, record in self._waiting.items():
            if wanted in f"{record.request.title} {request_id}".lower():
                table.add_row(*map(cell, self._row(record)), key=request_id)
        if selected is not None and selected.request.request_id in table.rows:
            table.move_cursor(row=table.get_row_index(selected.request.request_id))
        self._show_one()

    def _row(self, record: RequestRecord) -> tuple[str, ...]:
        request = record.request
        mine = next((vote.decision for vote in record.votes if vote.approver == self._approver), "")
        count = f"{votes_text(record) or 'none'} of {request.policy.quorum}"
        return request.title, request.workflow_id, age(request.opened_at), count, mine, deadline_text(request)

    def _show_one(self) -> None:
        record = self._selected()
        shown = Text("No approval request is open.", "dim")
        if record is not None:
            shown = facts_text([*facts_of(record.request, record.current_policy), *record_facts(record)])
        self.query_one("#shown Static", Static).update(shown)

    def _selected(self) -> RequestRecord | None:
        if not self._table.row_count:
            return None
        key = self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key
        return self._waiting.get(key.value or "")

    def _notify(self, text: str, *, good: bool) -> None:
        self.notify(printable(text), severity="information" if good else "error", markup=False)

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(DataTable)


class _Comment(ModalScreen[str | None]):
    """The prompt for a comment, which is a decision's second step."""

    BINDINGS: ClassVar = [("escape", "dismiss(None)", "Back")]
    CSS = """
    _Comment { align: center middle; }
    Vertical { width: 80; height: auto; padding: 1 2; background: $panel; border: thick $primary; }
    """

    def __init__(self, request: ApprovalRequested, choice: Choice) -> None:
        super().__init__()
        self._request = request
        self._choice = choice

    def compose(self) -> ComposeResult:
        """Build the prompt."""
        prompt = "Why not? Enter sends it." if self._choice == "reject" else "A comment, or nothing. Enter sends it."
        with Vertical():
            yield Static(
                facts_text([(self._choice, one_line(self._request.title)), ("digest", self._request.digest[:12])])
            )
            yield Input(placeholder=f"{prompt} Escape goes back.", max_length=LONGEST_COMMENT)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send it; a rejection needs a reason."""
        if self._choice == "reject" and not event.value.strip():
            self.app.bell()
        else:
            self.dismiss(event.value.strip())
