"""What a worker can run: the built-in workflows and those of the modules that the configuration names."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure.errors import SetupError
from perdure_orchestrator.registry import load_registry

WriteModule = Callable[[str, str], str]

GREETINGS = """
from temporalio import activity, workflow

@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}!"

@workflow.defn
class Greeting:
    @workflow.run
    async def run(self) -> None: ...

@workflow.defn(name="Farewell")
class Parting:
    @workflow.run
    async def run(self) -> None: ...

class NotMarked: ...
"""

ANOTHER_GREETING = """
from temporalio import workflow

@workflow.defn(name="Greeting")
class Hello:
    @workflow.run
    async def run(self) -> None: ...
"""

ANOTHER_GREET = """
from temporalio import activity

@activity.defn(name="{name}")
async def hello(name: str) -> str: ...
"""


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Put a module where Python finds it; it is forgotten with the test."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    yield write
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_without_modules_there_are_the_built_in_workflows() -> None:
    assert set(load_registry([]).workflows) == {"DocumentAnalysis", "DocumentBatch"}


def test_what_a_module_marks_is_registered_by_the_name_it_is_started_by(write_module: WriteModule) -> None:
    registry = load_registry([write_module("greetings", GREETINGS)])

    assert {label: found.__name__ for label, found in registry.workflows.items()} == {
        "DocumentAnalysis": "DocumentAnalysis",
        "DocumentBatch": "DocumentBatch",
        "Greeting": "Greeting",
        "Farewell": "Parting",
    }
    assert [activity.__name__ for activity in registry.activities] == ["greet"]


def test_what_two_modules_share_is_registered_once(write_module: WriteModule) -> None:
    shared = write_module("greetings", GREETINGS)
    borrower = write_module("borrower", "from greetings import Greeting, greet")

    assert load_registry([shared, borrower, shared]) == load_registry([shared])


def test_a_module_that_is_nowhere_is_named_with_where_it_should_lie() -> None:
    with pytest.raises(SetupError, match=r"workflow module no_team\.workflows cannot be imported .* PYTHONPATH"):
        load_registry(["no_team.workflows"])


def test_a_module_that_misses_something_itself_is_told_with_what_it_misses(write_module: WriteModule) -> None:
    with pytest.raises(SetupError, match=r"workflow module needy cannot be imported .*no_such_library"):
        load_registry([write_module("needy", "import no_such_library")])


def test_two_workflows_of_one_name_are_refused_with_both_modules(write_module: WriteModule) -> None:
    modules = [write_module("greetings", GREETINGS), write_module("others", ANOTHER_GREETING)]

    with pytest.raises(SetupError, match="Two workflows are called Greeting: greetings and others"):
        load_registry(modules)


def test_a_name_of_the_built_in_workflows_is_taken(write_module: WriteModule) -> None:
    text = ANOTHER_GREETING.replace("Greeting", "DocumentAnalysis")

    with pytest.raises(SetupError, match="Two workflows are called DocumentAnalysis"):
        load_registry([write_module("mine", text)])


def test_two_activities_of_one_name_are_refused_with_both_modules(write_module: WriteModule) -> None:
    modules = [write_module("greetings", GREETINGS), write_module("others", ANOTHER_GREET.format(name="greet"))]

    with pytest.raises(SetupError, match="Two activities are called greet: greetings and others"):
        load_registry(modules)


@pytest.mark.parametrize("name", ["say", "ask_model", "call_tool"])
def test_a_name_of_a_built_in_step_is_taken(write_module: WriteModule, name: str) -> None:
    module = write_module("mine", ANOTHER_GREET.format(name=name))

    with pytest.raises(SetupError, match=f"activity {name} of mine has the name of one of Perdure's own steps"):
        load_registry([module])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\ndef greet(:", r"SyntaxError: invalid syntax \(broken.py, line 3\)"),
        ("{}['name']", "KeyError: 'name'"),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_a_module_that_breaks_while_it_is_imported_is_told_with_its_error(
    write_module: WriteModule, text: str, said: str
) -> None:
    with pytest.raises(SetupError, match=f"workflow module broken breaks while it is imported .*{said}"):
        load_registry([write_module("broken", text)])


@pytest.mark.parametrize("name", ["", ".workflows"])
def test_what_is_no_modules_name_is_told(name: str) -> None:
    with pytest.raises(SetupError, match=f"'{name}' names no workflow module"):
        load_registry([name])


def test_a_module_may_have_nothing_but_functions_which_are_tools(write_module: WriteModule) -> None:
    module = write_module("prices", "def in_euro(dollars: float) -> float:\n    return dollars * 0.9\n")

    assert load_registry([module]) == load_registry([])


def test_a_module_that_defines_nothing_of_use_is_told_what_may_be_missing(write_module: WriteModule) -> None:
    module = write_module("forgetful", f"from os.path import join\n{ANOTHER_GREETING.replace('@', '# @')}")

    with pytest.raises(SetupError, match=r"no activity and no function: is @workflow\.defn missing\?"):
        load_registry([module])
