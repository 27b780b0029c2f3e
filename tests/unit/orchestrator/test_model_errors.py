"""Errors of the providers' own SDKs, over real HTTP, as Temporal errors with advice for a person."""

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
from perdure_orchestrator.agents.model_answers import answer_error
from perdure_orchestrator.agents.model_errors import to_application_error
from perdure_orchestrator.agents.models import Models
from tests.support.llm_peer import Behaviour, LlmPeer, llm_peer
from tests.support.secret_file import write_secret

KEY = "sk-very-secret-0123456789"
CHAT, RESPONSES, ANTHROPIC, COMPATIBLE, GOOGLE = MODELS = (
    "openai-chat:gpt-4o",
    "openai:gpt-5.2",
    "anthropic:claude-sonnet-4-6",
    "compatible:any/model",
    "google:gemini-2.5-flash",
)
WEATHER = ToolDefinition(
    name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}}
)
HOUR = timedelta(hours=1)

RETRYABLE: list[tuple[Behaviour | int, str]] = [
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
        for row in RETRYABLE
        if (model, row[0]) != (GOOGLE, "wrong_schema")  # Google's SDK takes it for an empty answer
    ],
)
async def test_temporal_retries_a_transient_error(
    model: str, behaviour: Behaviour | int, kind: str, key_file: Path
) -> None:
    error = await failure(model, behaviour, key_file)

    assert (error.type, error.non_retryable, error.next_retry_delay) == (kind, False, None)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("behaviour", "kind", "advice"), PERMANENT)
async def test_a_permanent_error_is_not_retried_and_gives_advice(
    model: str, behaviour: Behaviour | int, kind: str, advice: str, key_file: Path
) -> None:
    error = await failure(model, behaviour, key_file)

    assert (error.type, error.non_retryable) == (kind, True)
    assert advice in error.message


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("retry_after", "delay"),
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
async def test_the_providers_retry_after_sets_the_delay_up_to_an_hour(
    model: str, retry_after: str, delay: timedelta | None, key_file: Path
) -> None:
    error = await failure(model, "rate_limit_wait", key_file, retry_after=retry_after)

    assert (error.type, error.non_retryable, error.next_retry_delay) == ("ModelOverloaded", False, delay)


@pytest.mark.parametrize("model", MODELS)
async def test_the_page_of_a_proxy_is_cut(model: str, key_file: Path) -> None:
    error = await failure(model, 502, key_file)

    assert len(error.message) < 3_000


@pytest.mark.parametrize("model", [RESPONSES, ANTHROPIC])
async def test_a_provider_that_fails_after_status_200_is_retried(model: str, key_file: Path) -> None:
    error = await failure(model, "failed", key_file)

    assert not error.non_retryable


@pytest.mark.parametrize("model", [CHAT, RESPONSES, COMPATIBLE])
async def test_a_request_that_the_content_filter_refuses_is_not_retried(model: str, key_file: Path) -> None:
    error = await failure(model, "filtered_request", key_file)

    assert (error.type, error.non_retryable) == ("ContentFiltered", True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("behaviour", ["filtered", "refusal"])
async def test_a_refusal_is_an_error(model: str, behaviour: Behaviour, key_file: Path) -> None:
    async with llm_peer() as peer, created_models(peer, key_file) as models:
        peer.plan = [behaviour]
        refused = answer_error(await ask(models, model), allow_partial=False)

    assert refused is not None
    assert (refused.type, refused.non_retryable) == ("ContentFiltered", True)


@pytest.mark.parametrize("model", MODELS)
async def test_tool_calls_and_structured_output_are_read(model: str, key_file: Path) -> None:
    final = ToolDefinition(name="final_result", parameters_json_schema=WEATHER.parameters_json_schema, kind="output")
    shaped = ModelRequestParameters(
        function_tools=[WEATHER], output_tools=[final], output_mode="tool", allow_text_output=False
    )
    async with llm_peer() as peer, created_models(peer, key_file) as models:
        peer.plan = ["call_tool", "call_tool"]
        peer.arguments = '{"city": "Oslo"}'
        called = await ask(models, model)
        answered = await ask(models, model, shaped)

    assert [(call.tool_name, call.args_as_dict()) for call in called.tool_calls] == [("weather", {"city": "Oslo"})]
    assert [call.tool_name for call in answered.tool_calls] == ["final_result"]
    assert answer_error(called, allow_partial=False) is None


@pytest.mark.parametrize(("model", "variable"), [(CHAT, "OPENAI_API_KEY"), (ANTHROPIC, "ANTHROPIC_API_KEY")])
async def test_a_key_that_the_sdk_reads_by_itself_is_redacted(
    model: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, KEY)

    error = await failure(model, "bad_key", None)

    assert error.type == "ModelKeyRefused"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return write_secret(tmp_path / "key", f"{KEY}\n")


@asynccontextmanager
async def created_models(peer: LlmPeer, key_file: Path | None) -> AsyncIterator[Models]:
    providers: dict[str, dict[str, Any]] = {
        "openai-chat": {"base_url": f"{peer.url}/v1"},
        "openai": {"base_url": f"{peer.url}/v1"},
        "anthropic": {"base_url": peer.url},
        "google": {"base_url": peer.url},
        "compatible": {"base_url": f"{peer.url}/v1", "compatible": True},
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
    model: str, behaviour: Behaviour | int, key_file: Path | None, *, retry_after: str = "7"
) -> ApplicationError:
    """Return the error of one request; assert that it was sent once, and that no key occurs in the error."""
    async with llm_peer() as peer, created_models(peer, key_file) as models:
        peer.plan, peer.slow, peer.retry_after = [behaviour], 1.5, retry_after
        with pytest.raises(Exception) as failed:  # noqa: PT011 (whatever an SDK raises)
            await ask(models, model)
        error = to_application_error(failed.value, models.redact(f"{failed.value}"), model)
    (request,) = peer.requests
    assert KEY in f"{request['headers']}"
    assert KEY not in f"{error} {error!r} {''.join(traceback.format_exception(error))} {models!r}"
    return error
