"""Programs of strangers publish, watch and decide with types that are generated from the published contract."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command_line import perdure
from tests.support.foreign_clients import BUILDERS
from tests.support.perdure_up import running

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class House:
    """A running suite, and the programs of strangers by language."""

    folder: Path
    programs: dict[str, list[str]]

    @property
    def server(self) -> str:
        return str(json.loads((self.folder / ".perdure" / "endpoints.json").read_text())["nats"])

    def secret(self, name: str) -> str:
        return str(self.folder / ".perdure" / name)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("strangers")
    shutil.copytree(ROOT / "examples" / "greeting", folder / "suite")
    programs = {language: build(folder / language) for language, build in BUILDERS.items()}
    with running(folder / "suite"):
        added = perdure(folder / "suite", "approvers", "add", "bot", "--folder", ".perdure/keys", "--protect", "none")
        assert added.returncode == 0
        yield House(folder / "suite", programs)


@pytest.mark.timeout(1200)  # the first build compiles Go's standard library
@pytest.mark.parametrize("language", BUILDERS)
def test_a_program_in_another_language_publishes_watches_and_decides(house: House, language: str) -> None:
    secrets = [house.secret(name) for name in ("nkeys/publisher.nk", "nkeys/bot.nk", "keys/bot.pem")]

    done = printed_by([*house.programs[language], house.server, *secrets, language])

    assert done.splitlines() == ["accepted", "Hello, Ada!"]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("version", ["2", "3"])
def test_what_a_bot_may_ask_of_jetstream_is_what_the_documents_say(house: House, version: str) -> None:
    perdure(house.folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", f"nats-{version}")
    script = str(Path(house.programs["typescript"][-1]).with_name("consumers.mjs"))

    found = json.loads(printed_by(["node", script, version, house.server, house.secret("nkeys/bot.nk")]))

    assert found.pop("several subjects") == "refused"
    assert [way for way, count in found.items() if count == "refused"] == []
    assert found["no filter"] >= found["a named consumer of its own"] >= found["one subject"]


def printed_by(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
