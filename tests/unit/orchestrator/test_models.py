import sys
from pathlib import Path
from typing import Any

import pytest

from perdure.config.loader import load_settings
from perdure.config.settings import LlmSettings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.errors import SetupError
from perdure_orchestrator.agents.models import Models, UnknownModel
from tests.support.secret_file import write_secret


def test_the_configured_model_is_the_default_and_is_created_once() -> None:
    models = Models(LlmSettings(model="offline"))

    assert models.names() == ("offline",)
    assert models.named("offline") is models.named("offline")


@pytest.mark.parametrize("name", ["nobody:knows-it", "openai:gpt-5.2", "no provider at all"])
def test_the_error_for_an_unusable_model_names_the_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(UnknownModel, match=f"The model {name} cannot be used"):
        Models(LlmSettings()).named(name)


@pytest.mark.parametrize(
    ("provider", "model", "message"),
    [
        ({"local": {"base_url": "http://h/v1"}}, "local:m", "set llm.providers.local.compatible to true"),
        ({"local": {"compatible": True}}, "local:m", "llm.providers.local needs a base_url"),
        (
            {"openai": {"api_key_variable": "NO_SUCH_KEY"}},
            "openai:gpt-5",
            "the variable NO_SUCH_KEY is empty",
        ),
        (
            {"openai": {"api_key_file": "nowhere"}},
            "openai:gpt-5",
            "llm.providers.openai cannot be read from nowhere",
        ),
        ({"deepseek": {"base_url": "http://h/v1", "api_key_variable": "HOME"}}, "deepseek:m", "argument 'base_url'"),
        ({}, "antropic:claude", "cannot be used: there is no provider antropic: did you mean anthropic"),
        ({}, "gpt-5", "cannot be used: it names no provider: write one before it, as in openai:MODEL, or offline$"),
        ({}, "openai", "cannot be used: it names no provider"),
        ({}, "deepseek:m", "cannot be used: it needs a key: set the variable DEEPSEEK_API_KEY, or name another one as"),
    ],
)
def test_the_error_for_a_wrong_provider_names_the_setting_to_fix(
    provider: dict[str, Any], model: str, message: str
) -> None:
    models = Models(LlmSettings.model_validate({"providers": provider}))

    with pytest.raises(UnknownModel, match=message):
        models.named(model)


@pytest.mark.parametrize("module", ["perdure_offline", "nupunkt", "vader"])
def test_the_error_for_the_offline_model_names_its_missing_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed

    with pytest.raises(UnknownModel) as refused:
        Models(LlmSettings(model="offline")).named("offline")

    assert str(refused.value) == (f"The model offline cannot be used: {module} missing: pip install 'perdure[offline]'")


def test_an_incomplete_known_provider_gets_no_suggestion_of_another() -> None:
    with pytest.raises(UnknownModel) as refused:
        Models(LlmSettings()).named("ollama:qwen3")

    assert "there is no provider" not in str(refused.value)


def test_keys_from_files_and_variables_are_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_secret(tmp_path / "key", "from-a-file\n")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-a-variable")
    models = Models(
        LlmSettings.model_validate({"providers": {"openai": {"api_key_file": tmp_path / "key"}}}),
    )
    models.named("openai:gpt-5.2")
    models.named("anthropic:claude-sonnet-5")

    assert models.redact("from-a-file, from-a-variable") == "***, ***"


@pytest.mark.parametrize("name", ["KEY_VAULT_NAME", "PRIMARY_KEY_COLUMN", "TOKEN_ISSUER", "DEPLOY_KEY", "GROQ_API_KEY"])
def test_what_is_only_named_like_a_key_is_not_redacted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "production")
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-openai")
    models = Models(LlmSettings())
    models.named("openai:gpt-5.2")

    assert models.redact("deployed to production") == "deployed to production"


def test_a_key_in_the_configuration_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "perdure.yaml"
    file.write_text("llm:\n  providers:\n    openai: {api_key: sk-not-to-be-repeated}\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))

    with pytest.raises(
        SetupError, match=r"llm.providers.openai.api_key: unknown key: did you mean api_key_file"
    ) as refused:
        load_settings()

    assert "sk-not-to-be-repeated" not in str(refused.value)
