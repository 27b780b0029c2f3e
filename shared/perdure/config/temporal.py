"""The section ``temporal:``: which Temporal runs the workflows, and how."""

from datetime import timedelta
from pathlib import Path

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from perdure.config.section import Section

__all__ = ["TemporalSettings", "TlsSettings"]


class TlsSettings(Section):
    """TLS to Temporal; the files are PEM."""

    enabled: bool = False
    server_name: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class TemporalSettings(Section):
    """The connection to Temporal, and limits of workers.

    Attributes:
        api_key_file: Holds the API key of Temporal Cloud; the key itself is never configured.
        task_timeout_seconds: How long Temporal waits for a worker that died inside a workflow task. Temporal's own
            default is 10 (`WorkflowTaskTimeout`).
        signals_wait_seconds: How long after its publication a signal or decision waits for a run that has not begun.
            After that a signal becomes a dead letter, and a receipt refuses a decision.
        sandbox: Run workflow code in temporalio's sandbox, which catches non-determinism but costs CPU in every run.
        inline_payload_bytes: Inputs and results of this size or more are stored in JetStream; Temporal keeps a
            reference with their digest. Temporal itself refuses payloads over 2 MiB (`limit.blobSize.error`).
    """

    host: str = "127.0.0.1"
    port: PositiveInt = 7233
    namespace: str = "default"
    task_queue: str = "perdure"
    tls: TlsSettings = TlsSettings()
    api_key_file: Path | None = None
    task_timeout_seconds: PositiveFloat = 10.0
    signals_wait_seconds: NonNegativeFloat = 10.0
    sandbox: bool = True
    inline_payload_bytes: PositiveInt = 256 * 1024

    @property
    def task_timeout(self) -> timedelta:
        """``task_timeout_seconds`` as a duration."""
        return timedelta(seconds=self.task_timeout_seconds)

    @property
    def signals_wait(self) -> timedelta:
        """``signals_wait_seconds`` as a duration."""
        return timedelta(seconds=self.signals_wait_seconds)
