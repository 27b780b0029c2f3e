import asyncio
from pathlib import Path

import pytest

from perdure.local.changes import Changes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("flows/refund.py", ".venv/lib/x.py", "env/pyvenv.cfg", "env/lib/y.py", "notes.md", "perdure.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


async def test_changed_new_and_deleted_modules_and_the_configuration_are_noticed_and_nothing_else(
    project: Path,
) -> None:
    noticed = Changes(project, project / "perdure.yaml")
    for name in (".venv/lib/x.py", "env/lib/y.py", "notes.md", "perdure.yaml", "new.py"):
        (project / name).write_text("changed")
    (project / "flows/refund.py").unlink()

    async with asyncio.timeout(30):
        first = await anext(aiter(noticed))

    assert first == [project / name for name in ("flows/refund.py", "new.py", "perdure.yaml")]
