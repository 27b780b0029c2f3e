"""Sessions with servers whose lists have no end."""

from types import SimpleNamespace
from typing import Any

import pytest

from perdure_orchestrator.agents.pages import all_pages


@pytest.mark.parametrize(
    ("cursors", "items"),
    [
        pytest.param({None: "b", "b": None}, [None, "b"], id="two pages"),
        pytest.param({None: ""}, [None], id="an empty cursor"),
        pytest.param({None: "b", "b": "b"}, [None, "b"], id="the same cursor"),
        pytest.param({None: "b", "b": "c", "c": "b"}, [None, "b", "c"], id="a circle"),
    ],
)
async def test_a_list_ends_where_its_cursor_leads_nowhere(
    cursors: dict[str | None, str | None], items: list[str | None]
) -> None:
    asked = 0

    async def page(*, cursor: str | None, cache_mode: str) -> Any:
        nonlocal asked
        asked += 1
        assert (asked < 10, cache_mode) == (True, "refresh")
        return SimpleNamespace(items=[cursor], next_cursor=cursors.get(cursor, cursor))

    pages = await all_pages(page, "items")

    assert (pages.items, pages.has_end) == (items, cursors[items[-1]] in {None, ""})


async def test_a_list_with_ever_new_cursors_ends() -> None:
    async def page(*, cursor: str | None, cache_mode: str) -> Any:
        assert (len(cursor or "") < 5_000, cache_mode) == (True, "refresh")
        return SimpleNamespace(items=[cursor], next_cursor=f"{cursor or ''}x")

    pages = await all_pages(page, "items")

    assert (len(pages.items), pages.has_end) == (1_001, False)
