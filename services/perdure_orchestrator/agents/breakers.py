"""Breakers of one worker: a provider that is down, or a model that is overloaded, is not asked by every run."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from temporalio.exceptions import ApplicationError

from perdure_orchestrator.agents.breaker import Breaker
from perdure_orchestrator.agents.retry_delay import retry_delay

__all__ = ["Breakers"]

_OF_THE_MODEL: Final = "ModelOverloaded"  # limits of rate are a model's own: its provider's other models go on
_LONGEST_REASON: Final = 300  # characters

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Guard:
    """A breaker, and what it guards: a provider, or one of its models.

    Attributes:
        kind: The type of the error that opened it.
        reason: Its text.
    """

    guarded: str
    of_model: bool
    state: Breaker = field(default_factory=Breaker)
    kind: str = ""
    reason: str = ""


class Breakers:
    """One breaker for each provider, and one for each model.

    Args:
        clock: Returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._providers: dict[str, _Guard] = {}
        self._models: dict[str, _Guard] = {}

    @contextmanager
    def asking(self, model: str, step: str) -> Iterator[None]:
        """Let the block send one request, which has failed if it raises an ``ApplicationError``.

        Args:
            model: The name of the model, with its provider.
            step: Whose request it is.

        Raises:
            ApplicationError: No request goes out now, because those of others have failed. It has the type of their
                error, and the delay after which the step is retried.
        """
        guards = self._guards(model)
        self._refuse(model, guards)
        sent = [(guard, guard.state.is_open) for guard in guards]
        for guard in guards:
            guard.state = guard.state.sent()
        try:
            yield
        except ApplicationError as error:
            for guard, probe in sent:
                self._judge(guard, step, error, probe=probe)
            raise
        except BaseException:
            for guard, probe in sent:
                guard.state = guard.state.given_up(probe=probe)
            raise
        for guard, probe in sent:
            _answered(guard, probe=probe)

    def _guards(self, model: str) -> tuple[_Guard, _Guard]:
        provider = model.partition(":")[0]
        return (
            self._providers.setdefault(provider, _Guard(f"its provider {provider}", of_model=False)),
            self._models.setdefault(model, _Guard("it", of_model=True)),
        )

    def _refuse(self, model: str, guards: tuple[_Guard, _Guard]) -> None:
        """Raise the error for a request that must not go out now."""
        now = self._clock()
        wait, guard = max(((guard.state.wait(now), guard) for guard in guards), key=lambda pair: pair[0])
        if not wait:
            return
        spread = random.uniform(0, max(wait, 1.0))  # noqa: S311 (jitter needs no secure source)
        raise ApplicationError(
            f"The model {model} was not asked: {guard.guarded} has failed, and one request at a time tries it again, "
            f"the next in about {max(wait, 1.0):.0f} s. The last failure: {guard.reason}",
            type=guard.kind,
            next_retry_delay=retry_delay(wait + spread),
        )

    def _judge(self, guard: _Guard, step: str, error: ApplicationError, *, probe: bool) -> None:
        """Let a breaker know of a request that failed: whether it is the provider that did, or this model of it."""
        of_model = error.type == _OF_THE_MODEL
        if error.non_retryable or (of_model and not guard.of_model):
            _answered(guard, probe=probe)
        elif of_model == guard.of_model:
            self._failed(guard, step, error, probe=probe)
        else:
            guard.state = guard.state.given_up(probe=probe)

    def _failed(self, guard: _Guard, step: str, error: ApplicationError, *, probe: bool) -> None:
        demanded = None if error.next_retry_delay is None else error.next_retry_delay.total_seconds()
        before, guard.kind, guard.reason = guard.state, error.type or "", error.message[:_LONGEST_REASON]
        guard.state = before.failed(step, self._clock(), demanded=demanded, probe=probe)
        if guard.state.is_open and not before.is_open:
            _log.warning("requests wait for one that tries it again, since %s has failed: %s", guard.guarded, error)


def _answered(guard: _Guard, *, probe: bool) -> None:
    if guard.state.is_open and probe:
        _log.info("requests go out again, since %s answers", guard.guarded)
    guard.state = guard.state.answered(probe=probe)
