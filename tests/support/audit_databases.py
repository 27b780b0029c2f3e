"""Fixtures: the record on each of its databases, so that what a test shows is shown for both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.config.settings import Settings
from tests.support.postgres import Postgres, postgres

__all__ = ["audited", "postgres_server"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Run one server for all tests that need it."""
    with postgres() as server:
        yield server


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def audited(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Return settings whose record is empty, in a database of its own."""
    if request.param == "sqlite":
        return Settings(state=tmp_path)
    server: Postgres = request.getfixturevalue("postgres_server")
    return Settings.model_validate({"state": tmp_path, "audit": {"database": await server.new_database()}})
