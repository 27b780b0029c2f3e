"""How providers say that a conversation is too long for a model: few have a code for it, most only have words."""

import re
from typing import Final

from temporalio.exceptions import ApplicationError

__all__ = ["CONTEXT_TOO_LONG", "does_not_fit", "says_too_long"]

CONTEXT_TOO_LONG: Final = "ContextTooLong"

# Each pattern with those who say so. A limit of the answer ("max_tokens is too large") is none of the conversation.
_WORDS: Final = re.compile(
    r"context[_ ]length[_ ]exceeded"  # OpenAI's code; proxies
    r"|maximum (context|prompt) length"  # OpenAI, DeepSeek, Mistral, OpenRouter, vLLM; xAI
    r"|string_above_max_length"  # OpenAI's code for one text that is too long
    r"|exceeds? (the |model(?:'s)? )?(available )?context (window|limit|size|length)"  # OpenAI, Anthropic, llama.cpp
    r"|exceed_context_size_error|context size has been exceeded"  # llama.cpp
    r"|context window exceeds"  # MiniMax
    r"|greater than the context length"  # LM Studio
    r"|longer than the maximum model length"  # vLLM
    r"|(prompt|input) is too long"  # Anthropic, Bedrock
    r"|request_too_large"  # Anthropic's type
    r"|request too large for"  # OpenAI and Groq: more tokens than a minute has, so waiting is no help
    r"|input token count|number of tokens allowed|request payload size exceeds"  # Google
    r"|input tokens exceed"  # OpenAI
    r"|reduce the length of the messages|reduce your message size"  # Groq
    r"|too many tokens: |exceeded model token limit"  # Cohere; Kimi
    r"|inputs` (tokens \+ `max_new_tokens`|must have less than)",  # Hugging Face, Together
    re.IGNORECASE,
)


def says_too_long(text: str) -> bool:
    """Return whether an error's text says that the request has more than the model can read."""
    return _WORDS.search(text) is not None


def does_not_fit(agent: str, error: ApplicationError) -> ApplicationError:
    """Return the error for a conversation that the model refuses even in its shortest version."""
    return ApplicationError(
        f"The conversation of {agent} does not fit, not even with all left out that may be: its instruction, its last "
        f"prompt, its last tool call and its tools stay whole. {error.message}",
        type=CONTEXT_TOO_LONG,
        non_retryable=True,
    )
