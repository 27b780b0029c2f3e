"""The audit record on disk."""

from pathlib import Path

import pytest

from perdure.config.settings import Settings
from perdure.verify.store import open_store as open_for_reading
from perdure.verify.store import read_records
from perdure_audit.store import open_store


@pytest.mark.parametrize("name", ["plain", "what now?", "100% #1", "a?mode=memory&x=%2F"])
async def test_the_record_lies_in_the_state_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    settings = Settings(state=tmp_path / name)

    async with open_store(settings) as store:
        assert await store.count() == 0
    async with open_for_reading(settings) as engine:
        assert await read_records(engine) == []

    assert (tmp_path / name / "audit" / "audit.db").stat().st_size
    assert [found.name for found in tmp_path.iterdir()] == [name]
