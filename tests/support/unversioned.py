"""A project whose workers have no versions, in a suite whose services are small shell programs."""

from pathlib import Path
from typing import Final

import pytest

from perdure.local.program import Program
from perdure.local.programs import SuitePrograms
from tests.support.programs import steady

__all__ = ["CODE", "UNVERSIONED", "unversioned_project"]

UNVERSIONED: Final = "execution_engine: temporal\ntemporal: {deployment: null}\nworkflows: [flows]\n"
CODE: Final = """
from temporalio import workflow


@workflow.defn
class Basket:
    @workflow.run
    async def run(self) -> int:
        return 1
"""


def unversioned_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the project in a folder, and go there."""

    def service(_: SuitePrograms, name: str) -> Program:
        return steady(folder, name)

    monkeypatch.setattr(SuitePrograms, "_service", service)
    monkeypatch.chdir(folder)
    (folder / "perdure.yaml").write_text(UNVERSIONED)
    (folder / "flows.py").write_text(CODE)
    return folder
