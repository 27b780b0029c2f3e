"""The sections of the services: ``ingest:``, ``orchestrator:``, ``notifier:``, ``audit:`` and ``console:``."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Self

from pydantic import Field, HttpUrl, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from perdure.config.notifier import NotificationSettings
from perdure.config.section import Section

__all__ = [
    "AuditSettings",
    "ConsoleSettings",
    "IngestSettings",
    "NotifierSettings",
    "OrchestratorSettings",
    "ServiceSettings",
]


class ServiceSettings(Section):
    """The settings that every service has.

    Attributes:
        http_host: The interface that ``/healthz``, ``/readyz`` and ``/metrics`` are served on.
        http_port: Their port.
    """

    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=0, le=65535)


class IngestSettings(ServiceSettings):
    """The service that turns events into commands.

    Attributes:
        max_payload_bytes: Larger events become dead letters. NATS' own default limit is 1 MiB (`max_payload`).
    """

    http_port: int = Field(default=8701, ge=0, le=65535)
    max_payload_bytes: PositiveInt = 256 * 1024


class OrchestratorSettings(ServiceSettings):
    """The bridge to Temporal, and the worker.

    Attributes:
        max_concurrent_steps: Steps that a worker runs at once.
        max_cached_runs: Open runs that a worker keeps in memory, about 0.15 MiB each; it replays all others when
            something happens to them. temporalio's own default is 1,000.
        reconcile_every_seconds: How often the bridge looks for runs whose ending no worker has published, such as
            terminated ones.
        graceful_shutdown_seconds: How long running steps may take to end when the worker stops. Those that take longer
            run again on the next worker, with the same idempotency key: a model call is paid for twice.
    """

    http_port: int = Field(default=8702, ge=0, le=65535)
    max_concurrent_steps: PositiveInt = 100
    max_cached_runs: NonNegativeInt = 200
    reconcile_every_seconds: PositiveFloat = 10.0
    graceful_shutdown_seconds: NonNegativeFloat = 10.0

    @property
    def reconcile_every(self) -> timedelta:
        """``reconcile_every_seconds`` as a duration."""
        return timedelta(seconds=self.reconcile_every_seconds)

    @property
    def graceful_shutdown(self) -> timedelta:
        """``graceful_shutdown_seconds`` as a duration."""
        return timedelta(seconds=self.graceful_shutdown_seconds)


class NotifierSettings(ServiceSettings, NotificationSettings):
    """The service that notifies people, and receives their decisions."""

    http_port: int = Field(default=8703, ge=0, le=65535)


class AuditSettings(ServiceSettings):
    """The service that records every message.

    Attributes:
        database: SQLAlchemy URL of the store; by default SQLite in the state folder.
        ledger: Name of the ledger, which its checkpoints carry. Another name begins another series of checkpoints.
        key_file: The private key that signs the checkpoints; by default ``audit/ledger.key`` in the state folder. The
            audit service makes it if it is missing. Whoever has it can sign a forged record.
    """

    http_port: int = Field(default=8704, ge=0, le=65535)
    database: str | None = None
    ledger: str = Field(default="perdure", pattern=r"^[A-Za-z0-9._/-]{1,100}$")
    key_file: Path | None = None


class ConsoleSettings(ServiceSettings):
    """The pages for people; it is optional.

    Without a URL, only browsers on this machine reach it, and each needs a link of `perdure console`.

    Attributes:
        url: The address by which browsers reach it, such as ``https://perdure.example.com``. It needs `proxies`.
        proxies: Addresses or networks of the proxies that log people in, such as oauth2-proxy. Their headers are taken
            for true, those of anybody else are refused.
        user_header: The header in which these proxies name the person.
        operators: People who may publish events and act on runs, by the names that the proxies give them. All others
            only look, and decide as approvers. Whoever has a link of `perdure console` may do both.
    """

    http_port: int = Field(default=8705, ge=0, le=65535)
    url: HttpUrl | None = None
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    user_header: str = Field(default="x-forwarded-user", pattern=r"^[A-Za-z0-9-]+$")
    operators: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _knows_who_logs_in(self) -> Self:
        if (self.url is None) != (not self.proxies):
            raise ValueError(
                "`url` and `proxies` belong together: elsewhere than on this machine, a proxy logs people in"
            )
        return self
