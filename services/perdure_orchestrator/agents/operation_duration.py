"""The duration of model requests, by OpenTelemetry's semantic conventions; pydantic-ai records the tokens.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import metrics

__all__ = ["measured_operation"]

_DURATION: Final = metrics.get_meter("perdure").create_histogram(
    "gen_ai.client.operation.duration",
    unit="s",
    description="GenAI operation duration",
    explicit_bucket_boundaries_advisory=[0.01 * 2**power for power in range(14)],
)


@contextmanager
def measured_operation(provider: str, model: str) -> Iterator[None]:
    """Record how long the block takes, and the type of the error that ends it."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
    started = time.monotonic()
    try:
        yield
    except BaseException as error:
        attributes["error.type"] = type(error).__qualname__
        raise
    finally:
        _DURATION.record(time.monotonic() - started, attributes)
