from pathlib import Path
from typing import Any

import pytest

from perdure.config.loader import load_settings
from perdure.config.settings import LlmSettings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.errors import SetupError
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


@pytest.mark.parametrize(
    ("provider", "model", "told"),
    [
        ({"house": {"base_url": "http://h/v1"}}, "house:m", "set llm.providers.house.compatible to true"),
        ({"house": {"compatible": True}}, "house:m", "llm.providers.house needs a base_url"),
        ({"openai": {"api_key_variable": "OUR_KEY"}}, "openai:gpt-5", "no key: OUR_KEY is empty"),
        ({"openai": {"api_key_file": "nowhere"}}, "openai:gpt-5", "api_key_file cannot be read: .*nowhere"),
        ({"deepseek": {"base_url": "http://h/v1", "api_key_variable": "HOME"}}, "deepseek:m", "argument 'base_url'"),
        ({}, "antropic:claude", "did you mean anthropic"),
    ],
)
def test_what_is_wrong_with_a_provider_is_told_with_what_to_mend(
    provider: dict[str, Any], model: str, told: str
) -> None:
    models = Models(LlmSettings.model_validate({"providers": provider}))

    with pytest.raises(UnknownModel, match=told):
        models.named(model)


def test_a_provider_that_exists_but_lacks_something_is_not_mistaken_for_another() -> None:
    with pytest.raises(UnknownModel) as told:
        Models(LlmSettings()).named("ollama:qwen3")

    assert "Is it the provider" not in str(told.value)


def test_keys_are_in_no_text_wherever_the_worker_has_them_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-a-variable")
    monkeypatch.setenv("SOME_TOKEN", "x")
    models = Models(
        LlmSettings.model_validate({"providers": {"openai": {"api_key_file": tmp_path / "key"}}}),
    )
    models.named("openai:gpt-5.2")

    assert models.redact("from-a-file, from-a-variable, x") == "***, ***, x"


def test_a_key_that_is_written_into_the_configuration_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "perdure.yaml"
    file.write_text("llm:\n  providers:\n    openai: {api_key: sk-do-not-tell}\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))

    with pytest.raises(
        SetupError, match=r"llm.providers.openai.api_key: unknown key: did you mean api_key_file"
    ) as told:
        load_settings()

    assert "sk-do-not-tell" not in str(told.value)
