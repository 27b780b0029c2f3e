"""One configuration for every service: ``perdure.yaml``, each key also as a ``PERDURE_`` variable.

Nested keys join with two underscores: ``PERDURE_NATS__SERVERS``. Variables win over the file. Unknown keys are errors.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from perdure.config.agents import AgentSettings, LimitSettings
from perdure.config.approvals import ApprovalSettings
from perdure.config.encryption import EncryptionSettings
from perdure.config.llm import LlmSettings, ProviderSettings
from perdure.config.mcp import HttpServer, McpSettings, StdioServer
from perdure.config.nats import NatsSettings
from perdure.config.private_folder import keys_folder
from perdure.config.project import DEFAULT_STATE, PREFIX
from perdure.config.routes import Route
from perdure.config.services import (
    AuditSettings,
    ConsoleSettings,
    IngestSettings,
    NotifierSettings,
    OrchestratorSettings,
    ServiceSettings,
)
from perdure.config.telemetry import TelemetrySettings
from perdure.config.temporal import TemporalSettings, TlsSettings
from perdure.config.temporal_environment import TemporalEnvironment
from perdure.config.yaml_file import Yaml12Source, config_file

__all__ = [
    "HttpServer",
    "IngestSettings",
    "LlmSettings",
    "McpSettings",
    "NatsSettings",
    "OrchestratorSettings",
    "ProviderSettings",
    "ServiceSettings",
    "Settings",
    "StdioServer",
    "TemporalSettings",
    "TlsSettings",
]


def _engine(name: Any) -> Any:
    return "local" if name == "asyncio" else name


class Settings(BaseSettings):
    """The whole configuration: read once at start, never again.

    Attributes:
        execution_engine: ``local`` (alias ``asyncio``): servers are embedded and started for you; ``temporal``: you run
            them.
        state: Folder of everything that a local engine and the services keep on disk.
        temporal: The connection to Temporal.
        nats: The connection to NATS.
        llm: The models of agents.
        mcp: The MCP servers that agents may name.
        agents: Settings of agents, by the names that workflows give them.
        limits: How much one run may use.
        approvals: Approvers, and the policies of requests.
        encryption: The keys by which values are encrypted; off by default.
        workflows: Modules whose workflows and activities are registered in addition to the built-in ones.
        routes: Which events start or signal which workflows.
        ingest: The service that turns events into commands.
        orchestrator: The service that runs workflows.
        notifier: The service that notifies people: its channels and rules.
        audit: The service that records every message.
        console: The service that serves pages to people.
        telemetry: Logs and traces of the services.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_parse_none_str="null",
        frozen=True,
        extra="forbid",  # a section knows which of its keys were configured: `model_fields_set`
    )

    execution_engine: Annotated[Literal["local", "temporal"], BeforeValidator(_engine)] = "local"
    state: Path = DEFAULT_STATE
    temporal: TemporalSettings = TemporalSettings()
    nats: NatsSettings = NatsSettings()
    llm: LlmSettings = LlmSettings()
    mcp: McpSettings = McpSettings()
    agents: dict[str, AgentSettings] = {}
    limits: LimitSettings = LimitSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    workflows: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    ingest: IngestSettings = IngestSettings()
    orchestrator: OrchestratorSettings = OrchestratorSettings()
    notifier: NotifierSettings = NotifierSettings()
    audit: AuditSettings = AuditSettings()
    console: ConsoleSettings = ConsoleSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @property
    def approvers_file(self) -> Path:
        """``approvals.approvers``, or its default."""
        return self.approvals.approvers or self.state / "approvers.yaml"

    @property
    def notifier_key(self) -> Path:
        """``notifier.key_file``, or its default."""
        return self.notifier.key_file or self.state / "notifier.pem"

    @property
    def ledger_key(self) -> Path:
        """``audit.key_file``, or its default."""
        return self.audit.key_file or self.state / "audit" / "ledger.key"

    @property
    def keys_folder(self) -> Path:
        """``approvals.keys``, or its default."""
        if self.approvals.keys is not None:
            return self.approvals.keys
        return keys_folder(self.state) if self.execution_engine == "local" else self.state / "keys"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic-settings passes it by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (likewise)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of values: arguments win over variables, variables over the file.

        Temporal's own environment comes last.
        """
        file, of_temporal = config_file(), TemporalEnvironment(settings_cls)
        if file is None:
            return init_settings, env_settings, of_temporal
        return init_settings, env_settings, Yaml12Source(settings_cls, yaml_file=file), of_temporal
