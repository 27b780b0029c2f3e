"""What the providers' own SDKs raise, over real HTTP, becomes what Temporal and a person need."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from temporalio.exceptions import ApplicationError

from perdure.config.settings import LlmSettings
from perdure_orchestrator.agents.model_errors import refusal, translated
from perdure_orchestrator.agents.models import Models
from tests.support.llm_peer import Behaviour, LlmPeer, llm_peer

KEY = "sk-very-secret-0123456789"
CHAT, RESPONSES, ANTHROPIC, COMPATIBLE, GOOGLE = MODELS = (
    "openai-chat:gpt-4o",
    "openai:gpt-5.2",
    "anthropic:claude-sonnet-4-6",
    "house:any/model",
    "google:gemini-2.5-flash",
)
WEATHER = ToolDefinition(
    name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}}
)
HOUR = timedelta(hours=1)

PASSING: list[tuple[Behaviour | int, str]] = [
    ("rate_limit", "ModelOverloaded"),
    ("overloaded", "ModelOverloaded"),
    ("error", "ModelFailed"),
    ("slow_headers", "ModelTimeout"),
    ("slow_body", "ModelTimeout"),
    ("cut", "ModelUnavailable"),
    ("cut_early", "ModelUnavailable"),
    ("malformed", "ModelFailed"),
    ("wrong_schema", "ModelFailed"),
    (302, "ModelFailed"),
    (408, "ModelFailed"),
    (409, "ModelFailed"),
    (502, "ModelFailed"),
    (503, "ModelUnavailable"),
]
PERMANENT: list[tuple[Behaviour | int, str, str]] = [
    ("bad_key", "ModelKeyRefused", "llm.providers"),
    ("forbidden", "ModelKeyRefused", "llm.providers"),
    ("unknown_model", "UnknownModel", "base_url"),
    ("no_quota", "ModelQuotaExceeded", "Top up"),
    ("too_long", "ContextTooLong", "less to read"),
    ("refused", "ModelRefused", "model settings"),
    (405, "ModelRefused", "model settings"),
    (413, "ContextTooLong", "less to read"),
    (422, "ModelRefused", "model settings"),
]


@pytest.mark.parametrize(
    ("model", "behaviour", "kind"),
    [
        (model, *row)
        for model in MODELS
        for row in PASSING
        if (model, row[0]) != (GOOGLE, "wrong_schema")  # for Google's SDK that is an empty answer
    ],
)
async def test_what_passes_is_left_to_temporal_to_try_again(
    model: str, behaviour: Behaviour | int, kind: str, key_file: Path
) -> None:
    error = await failure(model, behaviour, key_file)

    assert (error.type, error.non_retryable, error.next_retry_delay) == (kind, False, None)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("behaviour", "kind", "advice"), PERMANENT)
async def test_what_does_not_pass_says_what_to_do(
    model: str, behaviour: Behaviour | int, kind: str, advice: str, key_file: Path
) -> None:
    error = await failure(model, behaviour, key_file)

    assert (error.type, error.non_retryable) == (kind, True)
    assert advice in error.message


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("86400", HOUR),
        ("9" * 30, HOUR),
        ("Fri, 31 Dec 9999 23:59:59 GMT", HOUR),
        ("Sun, 06 Nov 1994 08:49:37 GMT", timedelta(0)),
        ("soon", None),
        ("-1", None),
    ],
)
async def test_the_provider_says_how_long_to_wait_up_to_an_hour(
    model: str, said: str, wait: timedelta | None, key_file: Path
) -> None:
    error = await failure(model, "rate_limit_wait", key_file, wait=said)

    assert (error.type, error.non_retryable, error.next_retry_delay) == ("ModelOverloaded", False, wait)


@pytest.mark.parametrize("model", MODELS)
async def test_of_a_page_that_a_proxy_shows_only_the_beginning_is_kept(model: str, key_file: Path) -> None:
    error = await failure(model, 502, key_file)

    assert len(error.message) < 3_000


@pytest.mark.parametrize("model", [RESPONSES, ANTHROPIC])
async def test_a_provider_that_gives_up_after_it_said_that_all_was_well_is_asked_again(
    model: str, key_file: Path
) -> None:
    error = await failure(model, "failed", key_file)

    assert not error.non_retryable


@pytest.mark.parametrize("model", [CHAT, RESPONSES, COMPATIBLE])
async def test_a_request_that_the_filter_refuses_is_filtered(model: str, key_file: Path) -> None:
    error = await failure(model, "filtered_request", key_file)

    assert (error.type, error.non_retryable) == ("ContentFiltered", True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("behaviour", ["filtered", "refusal"])
async def test_a_refusal_is_an_answer_that_is_none(model: str, behaviour: Behaviour, key_file: Path) -> None:
    async with llm_peer() as peer, provided(peer, key_file) as models:
        peer.plan = [behaviour]
        refused = refusal(await ask(models, model))

    assert refused is not None
    assert (refused.type, refused.non_retryable) == ("ContentFiltered", True)


@pytest.mark.parametrize("model", MODELS)
async def test_a_tool_is_called_and_a_shape_is_answered_by_calling_one(model: str, key_file: Path) -> None:
    final = ToolDefinition(name="final_result", parameters_json_schema=WEATHER.parameters_json_schema, kind="output")
    shaped = ModelRequestParameters(
        function_tools=[WEATHER], output_tools=[final], output_mode="tool", allow_text_output=False
    )
    async with llm_peer() as peer, provided(peer, key_file) as models:
        peer.plan = ["call_tool", "call_tool"]
        peer.arguments = '{"city": "Oslo"}'
        called = await ask(models, model)
        answered = await ask(models, model, shaped)

    assert [(call.tool_name, call.args_as_dict()) for call in called.tool_calls] == [("weather", {"city": "Oslo"})]
    assert [call.tool_name for call in answered.tool_calls] == ["final_result"]
    assert refusal(called) is None


@pytest.mark.parametrize(("model", "variable"), [(CHAT, "OPENAI_API_KEY"), (ANTHROPIC, "ANTHROPIC_API_KEY")])
async def test_a_key_that_the_sdk_found_by_itself_is_told_to_nobody_either(
    model: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, KEY)

    error = await failure(model, "bad_key", None)

    assert error.type == "ModelKeyRefused"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file


@asynccontextmanager
async def provided(peer: LlmPeer, key_file: Path | None) -> AsyncIterator[Models]:
    providers: dict[str, dict[str, Any]] = {
        "openai-chat": {"base_url": f"{peer.url}/v1"},
        "openai": {"base_url": f"{peer.url}/v1"},
        "anthropic": {"base_url": peer.url},
        "google": {"base_url": peer.url},
        "house": {"base_url": f"{peer.url}/v1", "compatible": True},
    }
    named = {name: {**known, "api_key_file": key_file} for name, known in providers.items()}
    models = Models(LlmSettings.model_validate({"providers": named, "request_timeout": "1s"}))
    try:
        yield models
    finally:
        await models.close()


async def ask(models: Models, model: str, parameters: ModelRequestParameters | None = None) -> ModelResponse:
    return await model_request(
        models.named(model),
        [ModelRequest([UserPromptPart("Hi")])],
        model_settings=models.settings(),
        model_request_parameters=parameters or ModelRequestParameters(function_tools=[WEATHER]),
    )


async def failure(
    model: str, behaviour: Behaviour | int, key_file: Path | None, *, wait: str = "7"
) -> ApplicationError:
    """Return what is to be raised, in which no key occurs; the provider was asked once."""
    async with llm_peer() as peer, provided(peer, key_file) as models:
        peer.plan, peer.slow, peer.wait = [behaviour], 1.5, wait
        with pytest.raises(Exception) as failed:  # noqa: PT011 (whatever an SDK raises)
            await ask(models, model)
        error = translated(failed.value, models.redact(f"{failed.value}"), model)
    (asked,) = peer.asked
    assert KEY in f"{asked['headers']}"
    assert KEY not in f"{error} {error!r} {''.join(traceback.format_exception(error))} {models!r}"
    return error
