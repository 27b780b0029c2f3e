import pytest

from perdure.settings import LlmSettings
from perdure_orchestrator.agents.models import Models, UnknownModel


def test_the_configured_model_is_made_once_and_answers_agents_that_name_none() -> None:
    models = Models(LlmSettings(model="offline"))

    assert models.named(None) is models.named("offline")


@pytest.mark.parametrize("name", ["nobody:knows-it", "openai:gpt-5.2", "no provider at all"])
def test_a_model_that_cannot_be_used_says_why_and_is_not_tried_again(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(UnknownModel, match=f"The model {name} cannot be used"):
        Models(LlmSettings()).named(name)
