from pathlib import Path

import pytest

DOCUMENTS = Path(__file__).parents[3] / "examples" / "documents"


@pytest.fixture
def contract() -> str:
    return (DOCUMENTS / "contract.md").read_text()


@pytest.fixture
def incident() -> str:
    return (DOCUMENTS / "incident.md").read_text()


@pytest.fixture
def feedback() -> str:
    return (DOCUMENTS / "feedback.md").read_text()
