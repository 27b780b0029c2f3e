"""One configuration for every service: ``perdure.yaml``, each key also as a ``PERDURE_`` variable.

Nested keys join with two underscores: ``PERDURE_NATS__SERVERS``. Variables win over the file. Unknown keys are errors.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from perdure.config.agents import AgentSettings, LimitSettings, RetrySettings
from perdure.config.approvals import ApprovalSettings
from perdure.config.notifier import NotificationSettings
from perdure.config.routes import Route
from perdure.config.yaml_file import Yaml12Source, config_file
from perdure.values.duration import Duration

__all__ = [
    "PREFIX",
    "HttpServer",
    "LlmSettings",
    "McpSettings",
    "NatsSettings",
    "ProviderSettings",
    "ServiceSettings",
    "Settings",
    "StdioServer",
    "TemporalSettings",
    "TlsSettings",
]

PREFIX: Final = "PERDURE_"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TlsSettings(_Section):
    """TLS to Temporal; the files are PEM."""

    enabled: bool = False
    server_name: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class TemporalSettings(_Section):
    """Which Temporal runs the workflows.

    Attributes:
        api_key_file: Holds the API key of Temporal Cloud; the key itself is never configured.
        task_timeout_seconds: How long Temporal waits for a worker that died inside a workflow task. Temporal's own
            default is 10 (`WorkflowTaskTimeout`).
        signals_wait_seconds: So long after its publication a signal or decision waits for a run that has not begun;
            then it is a dead letter, or a receipt refuses it.
        sandbox: Run workflow code in temporalio's sandbox, which catches non-determinism but costs CPU in every run.
        inline_payload_bytes: Inputs and results of this size or more lie in JetStream, and Temporal keeps a reference
            with their digest. Temporal itself refuses payloads over 2 MiB (`limit.blobSize.error`).
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
        """``task_timeout_seconds`` as Temporal wants it."""
        return timedelta(seconds=self.task_timeout_seconds)

    @property
    def signals_wait(self) -> timedelta:
        """``signals_wait_seconds`` as a duration."""
        return timedelta(seconds=self.signals_wait_seconds)


class NatsSettings(_Section):
    """Where NATS is, and as whom to speak to it.

    Attributes:
        replicas: On how many servers of a cluster each stream and bucket lies that is made anew: with 3 one server may
            fail, with 5 two. What exists stays as its operator set it.
        nkey_seed_file: Holds the seed of a user's nkey, as `perdure nats keys` writes it; `{role}` in its name stands
            for the service, or for `operator`, which is the command line.
        credentials_file: Or the JWT and the seed of a user, as `nsc` writes them.
        inbox_prefix: Under which subject answers come, where it is not the one of the role: `_INBOX_ingest`, ….
    """

    servers: tuple[str, ...] = ("nats://127.0.0.1:4222",)
    replicas: Literal[1, 3, 5] = 1
    credentials_file: Path | None = None
    nkey_seed_file: Path | None = None
    inbox_prefix: str | None = None


class ProviderSettings(_Section):
    """A provider of models, by pydantic-ai's name for it or, for one that is OpenAI-compatible, by a name of your own.

    Attributes:
        base_url: Where it is, if not where its SDK looks.
        api_key_file: Holds its key; the key itself is never configured.
        api_key_variable: Or the name of the worker's variable that holds it; by default the one that its SDK looks for.
        compatible: It speaks OpenAI's chat completions and is none that pydantic-ai knows.
    """

    base_url: str | None = None
    api_key_file: Path | None = None
    api_key_variable: str | None = None
    compatible: bool = False


class LlmSettings(_Section):
    """Which model answers agents that name none.

    Attributes:
        model: Any pydantic-ai model name, or ``offline``, which needs no key.
        retry: How requests are tried again; an agent's own policy goes before it.
        providers: Where providers are and who holds their keys; those that are not named work by their SDKs' defaults.
        request_timeout: For one request; then it is tried again.
        offline_latency_seconds: The offline model answers at once; to try what happens meanwhile, let it wait.
    """

    model: str = "offline"
    offline_latency_seconds: NonNegativeFloat = 0.0
    retry: RetrySettings | None = None
    providers: dict[str, ProviderSettings] = {}
    request_timeout: Duration = Field(default="2m", validate_default=True)


class _ToolServer(_Section):
    """What is said of any MCP server.

    Attributes:
        call_timeout: A call that lasts longer counts as broken: the session is opened again, a process started again.
        requires_approval: Patterns of tools that somebody must approve before each call, whichever agent makes it.
    """

    call_timeout: Duration = Field(default="5m", validate_default=True)
    requires_approval: tuple[str, ...] = ()


class StdioServer(_ToolServer):
    """An MCP server that is started as a process.

    Attributes:
        env: ``name: value`` pairs that the process gets beside a minimal environment.
        env_from: Names of variables of the worker that it gets too: keys belong here, not in this file.
    """

    command: str
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    env_from: tuple[str, ...] = ()
    cwd: Path | None = None


class HttpServer(_ToolServer):
    """An MCP server that is reached over streamable HTTP.

    Attributes:
        token_file: Holds the bearer token, if the server wants one.
        token_variable: Or the name of the worker's variable that holds it.
    """

    url: str
    token_file: Path | None = None
    token_variable: str | None = None


class McpSettings(_Section):
    """The MCP servers that agents may name.

    Attributes:
        retry: How calls of tools are tried again; an agent's own policy goes before it.
    """

    servers: dict[str, StdioServer | HttpServer] = {}
    retry: RetrySettings | None = None


class ServiceSettings(_Section):
    """What every service has.

    Attributes:
        http_port: Where ``/healthz``, ``/readyz`` and ``/metrics`` are served.
    """

    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=0, le=65535)


class IngestSettings(ServiceSettings):
    """The front door.

    Attributes:
        max_payload_bytes: Larger events become dead letters. NATS' own default limit is 1 MiB (`max_payload`).
    """

    http_port: int = Field(default=8701, ge=0, le=65535)
    max_payload_bytes: PositiveInt = 256 * 1024


class OrchestratorSettings(ServiceSettings):
    """The bridge and the worker.

    Attributes:
        max_cached_runs: So many open runs a worker keeps in memory, about 0.15 MiB each; the others it replays when
            something happens to them. temporalio's own default is 1,000.
        reconcile_every_seconds: How often the bridge looks for runs whose end no code could say, as of terminated ones.
    """

    http_port: int = Field(default=8702, ge=0, le=65535)
    max_concurrent_steps: PositiveInt = 100
    max_cached_runs: NonNegativeInt = 200
    reconcile_every_seconds: PositiveFloat = 10.0

    @property
    def reconcile_every(self) -> timedelta:
        """``reconcile_every_seconds`` as a duration."""
        return timedelta(seconds=self.reconcile_every_seconds)


class NotifierSettings(ServiceSettings, NotificationSettings):
    """Tells people, and takes their answers."""

    http_port: int = Field(default=8703, ge=0, le=65535)


class AuditSettings(ServiceSettings):
    """Remembers.

    Attributes:
        database: SQLAlchemy URL of the store; by default SQLite in the state folder.
    """

    http_port: int = Field(default=8704, ge=0, le=65535)
    database: str | None = None


def _engine(name: Any) -> Any:
    return "local" if name == "asyncio" else name


class Settings(BaseSettings):
    """Read once at start; never read again.

    Attributes:
        execution_engine: ``local`` (alias ``asyncio``): servers are embedded and started for you; ``temporal``: you run
            them.
        state: Folder of everything that a local engine and the services keep on disk.
        agents: What holds of agents, by the names that workflows give them.
        limits: What one run may use.
        approvals: Who may answer what.
        workflows: Modules whose workflows and activities are registered beside the built-in ones.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    execution_engine: Annotated[Literal["local", "temporal"], BeforeValidator(_engine)] = "local"
    state: Path = Path(".perdure")
    temporal: TemporalSettings = TemporalSettings()
    nats: NatsSettings = NatsSettings()
    llm: LlmSettings = LlmSettings()
    mcp: McpSettings = McpSettings()
    agents: dict[str, AgentSettings] = {}
    limits: LimitSettings = LimitSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    workflows: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    ingest: IngestSettings = IngestSettings()
    orchestrator: OrchestratorSettings = OrchestratorSettings()
    notifier: NotifierSettings = NotifierSettings()
    audit: AuditSettings = AuditSettings()

    @property
    def approvers_file(self) -> Path:
        """``approvals.approvers``, or its default."""
        return self.approvals.approvers or self.state / "approvers.yaml"

    @property
    def notifier_key(self) -> Path:
        """``notifier.key_file``, or its default."""
        return self.notifier.key_file or self.state / "notifier.pem"

    @property
    def keys_folder(self) -> Path:
        """``approvals.keys``, or its default."""
        return self.approvals.keys or self.state / "keys"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic-settings passes it by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (likewise)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file."""
        file = config_file()
        if file is None:
            return init_settings, env_settings
        return init_settings, env_settings, Yaml12Source(settings_cls, yaml_file=file)
