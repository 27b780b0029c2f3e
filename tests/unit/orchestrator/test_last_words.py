"""What an MCP server writes to its standard error is shown and reported without keys."""

from pathlib import Path

import pytest

from perdure.config.settings import StdioServer
from perdure.errors import Unavailable
from perdure_orchestrator.agents.last_words import LastWords
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.tool_servers import ToolServers

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\nabc=\n-----END PRIVATE KEY-----\n"


async def words_of(redactor: Redactor, text: str) -> str:
    words = LastWords(redactor)
    async with words.recorded() as errors:
        errors.write(text)
    return words.sentence()


async def test_a_key_at_the_end_of_a_long_line_is_masked_before_the_line_is_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    redactor = Redactor()
    redactor.add("sk-very-secret-0123456789")

    words = await words_of(redactor, f"{'x' * 290} sk-very-secret-0123456789\n")

    shown = capsys.readouterr().err
    assert words.endswith("x ***")
    assert shown == f"{'x' * 290} ***\n"


async def test_each_line_of_a_key_of_several_lines_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    redactor = Redactor()
    redactor.add(PEM)

    words = await words_of(redactor, f"cannot load {PEM}")

    assert words == (
        ". Its last output: cannot load -----BEGIN PRIVATE KEY----- | *** | *** | abc= | -----END PRIVATE KEY-----"
    )
    assert "MIIEvQIBADANBgkq" not in capsys.readouterr().err
    assert redactor.redact(PEM) == "***"


async def test_the_words_are_complete_when_the_block_fails() -> None:
    words = LastWords(Redactor())

    async def fail() -> None:
        async with words.recorded() as errors:
            errors.write("no licence\n" * 1_000 + "goodbye\n")
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await fail()

    assert words.sentence().endswith("goodbye")


async def test_a_server_that_writes_its_key_and_dies_is_reported_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_PAT", "ghp-very-secret-0123456789")
    script = 'echo "$(head -c 290 /dev/zero | tr "\\0" x) $GITHUB_PAT" >&2; exit 3'
    broken = StdioServer(command="/bin/sh", args=("-c", script), env_from=("GITHUB_PAT",))
    servers = ToolServers({"broken": broken}, tmp_path)

    failed = (await servers.offers(["broken"])).failed
    await servers.close()

    assert isinstance(failed["broken"], Unavailable)
    assert "x ***" in str(failed["broken"])
    assert "ghp" not in str(failed["broken"]) + capsys.readouterr().err
