"""The section ``mcp:``: the MCP servers that agents may name."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from perdure.config.agents import RetrySettings
from perdure.config.secret_command import SecretCommand
from perdure.config.section import Section
from perdure.values.duration import Duration

__all__ = ["HttpServer", "McpSettings", "StdioServer"]


class _ToolServer(Section):
    """The settings of any MCP server.

    Attributes:
        call_timeout: A call that lasts longer is cancelled and tried again; a server that does not answer meanwhile is
            reopened, and a process restarted.
        start_timeout: A server that takes longer to come up is started again; the first start may have to download.
            Steps last long enough for it and for the call.
        requires_approval: Patterns of tools that somebody must approve before each call, whichever agent makes it.
        session: ``run`` gives each run a session, and a process, of its own: for servers that keep state, such as a
            browser. ``shared`` lets all runs share one. Without it the server decides, by the experimental capability
            ``perdure/session``; most servers say nothing, and are shared.
        session_idle: A run's session in which no call has been made for so long is closed.
        max_sessions: So many sessions of runs may be open on a worker at once; calls of further runs wait.
    """

    call_timeout: Duration = Field(default="5m", validate_default=True)
    start_timeout: Duration = Field(default="2m", validate_default=True)
    requires_approval: tuple[str, ...] = ()
    session: Literal["shared", "run"] | None = None
    session_idle: Duration = Field(default="15m", validate_default=True)
    max_sessions: PositiveInt = 20


class StdioServer(_ToolServer):
    """An MCP server that is started as a process.

    Attributes:
        command: The program; it is looked up in PATH.
        args: Its arguments.
        env: ``name: value`` pairs that the process gets in addition to a minimal environment, in which ``HOME`` is a
            folder of its own. What is no key belongs there.
        env_from: Names of the worker's environment variables that it also gets: keys belong there, not in this file.
            Whatever their names, values of at least 8 characters are masked wherever the server repeats them; those of
            ``PATH``, ``HOME``, ``USER``, ``LOGNAME``, ``SHELL``, ``TERM``, ``PWD``, ``TMPDIR``, ``TZ``, ``LANG``,
            ``LANGUAGE`` and ``LC_*`` are not.
        cwd: The folder in which it is started; by default one of its own, ``mcp/<name>`` in the state folder. In the
            project's folder (``.``) it can read all that lies there, the state folder included.
    """

    command: str
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    env_from: tuple[str, ...] = ()
    cwd: Path | None = None


class HttpServer(_ToolServer):
    """An MCP server that is reached over streamable HTTP.

    Attributes:
        url: The URL of the server's endpoint.
        token_file: Holds the bearer token, if the server requires one.
        token_command: Or a program that prints it, with its arguments; it runs again every minute.
        token_variable: Or the worker's environment variable that holds it.
        headers: ``name: value`` of headers that hold no key.
        header_files: By header, the file that holds its value, such as a key.
        header_commands: By header, the program that prints its value, with its arguments.
        header_variables: By header, the worker's environment variable that holds its value.
    """

    url: str
    token_file: Path | None = None
    token_command: SecretCommand | None = None
    token_variable: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    header_files: dict[str, Path] = Field(default_factory=dict)
    header_commands: dict[str, SecretCommand] = Field(default_factory=dict)
    header_variables: dict[str, str] = Field(default_factory=dict)


class McpSettings(Section):
    """The MCP servers.

    Attributes:
        servers: Server by the name that agents use.
        retry: How tool calls are retried; an agent's own policy takes precedence.
    """

    servers: dict[str, StdioServer | HttpServer] = Field(default_factory=dict)
    retry: RetrySettings | None = None
