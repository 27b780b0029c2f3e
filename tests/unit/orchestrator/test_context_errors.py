"""The words of providers for a conversation that is too long, and words that only look like them."""

import pytest

from perdure_orchestrator.agents.context_errors import says_too_long

TOO_LONG = [
    "{'code': 'context_length_exceeded', 'message': 'Your input exceeds the context window of this model.'}",  # OpenAI
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 10010 tokens.",
    "Invalid 'messages[1].content': string too long. 'code': 'string_above_max_length'",
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 60000.",
    "prompt is too long: 208310 tokens > 200000 maximum",  # Anthropic
    "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length",
    "{'type': 'request_too_large', 'message': 'Request exceeds the maximum size'}",
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",  # Google
    "Request payload size exceeds the limit: 20971520 bytes.",
    "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",  # llama.cpp
    "Context size has been exceeded.",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",  # vLLM
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",  # xAI
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",  # Mistral
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",  # Hugging Face
    "Please reduce the length of the messages or completion.",  # Groq
    "Input is too long for requested model.",  # Bedrock
]
OTHER = [
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
    "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude",
    "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.",
    "Invalid schema for function 'read': the description is too long",
    "Too many requests",
]


@pytest.mark.parametrize("text", TOO_LONG)
def test_the_words_of_each_provider_are_understood(text: str) -> None:
    assert says_too_long(text)


@pytest.mark.parametrize("text", OTHER)
def test_other_limits_are_none_of_the_conversation(text: str) -> None:
    assert not says_too_long(text)
