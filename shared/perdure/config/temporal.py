"""The section ``temporal:``: which Temporal runs the workflows, and how."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from perdure.config.section import Section

__all__ = ["TemporalSettings", "TlsSettings"]

DEPLOYMENT_NAME: Final = r"^[^.:\s]{1,128}$"
"""Temporal writes versions as ``<deployment>.<build>`` and ``<deployment>:<build>``."""


class TlsSettings(Section):
    """TLS to Temporal; the files are PEM.

    Attributes:
        enabled: Connect with TLS.
        server_name: The name in the server's certificate, if it is not the host.
        ca_file: The certificate authority that signed it, if the system does not know it.
        cert_file: The client's certificate, if the server requires one.
        key_file: The private key of that certificate.
    """

    enabled: bool = False
    server_name: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _pairs_the_certificate_with_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` belong together: give both")
        return self


class TemporalSettings(Section):
    """The connection to Temporal, and limits of workers.

    Attributes:
        host: The host of Temporal's front end. A local engine sets host and port itself.
        port: Its gRPC port.
        namespace: The namespace of all runs.
        task_queue: The task queue of runs and steps; the orchestrator's workers serve it.
        deployment: The name under which Temporal knows the versions of the orchestrator's workers; a version is a build
            of the code, and runs stay on the version on which they began. Without a name workers have no version: open
            runs go on with whatever code runs.
        tls: How to connect with TLS.
        api_key_file: Holds the API key of Temporal Cloud; the key itself is never configured.
        task_timeout_seconds: How long Temporal waits for a worker that died inside a workflow task. Temporal's own
            default is 10 (`WorkflowTaskTimeout`).
        signals_wait_seconds: How long after its publication a signal or decision waits for a run that has not begun.
            After that a signal becomes a dead letter, and a receipt refuses a decision. A start waits as long for its
            workflow to be registered: new code may be taking over.
        sandbox: Run workflow code in temporalio's sandbox, which catches non-determinism but costs CPU in every run.
        on_bug: What becomes of an open run when its code raises an error that nobody raised to end it, such as a
            ``KeyError``: ``wait`` for mended code under an alert, or ``fail``. Timeouts of the run go on meanwhile.
        inline_payload_bytes: Inputs and results of this size or more are stored in JetStream; Temporal keeps a
            reference with their digest. Temporal itself refuses payloads over 2 MiB (`limit.blobSize.error`).
    """

    host: str = "127.0.0.1"
    port: PositiveInt = 7233
    namespace: str = "default"
    task_queue: str = "perdure"
    deployment: Annotated[str, Field(pattern=DEPLOYMENT_NAME)] | None = "perdure"
    tls: TlsSettings = TlsSettings()
    api_key_file: Path | None = None
    task_timeout_seconds: PositiveFloat = 10.0
    signals_wait_seconds: NonNegativeFloat = 10.0
    sandbox: bool = True
    on_bug: Literal["wait", "fail"] = "wait"
    inline_payload_bytes: PositiveInt = 256 * 1024

    @property
    def task_timeout(self) -> timedelta:
        """``task_timeout_seconds`` as a duration."""
        return timedelta(seconds=self.task_timeout_seconds)

    @property
    def signals_wait(self) -> timedelta:
        """``signals_wait_seconds`` as a duration."""
        return timedelta(seconds=self.signals_wait_seconds)
