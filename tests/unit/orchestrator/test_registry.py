"""The registry of a worker: the built-in workflows, and those of the modules that the configuration names."""

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
    """Write modules to the import path; remove them from ``sys.modules`` after the test."""
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


def test_decorated_workflows_and_activities_are_registered_by_their_names(write_module: WriteModule) -> None:
    registry = load_registry([write_module("greetings", GREETINGS)])

    assert {label: found.__name__ for label, found in registry.workflows.items()} == {
        "DocumentAnalysis": "DocumentAnalysis",
        "DocumentBatch": "DocumentBatch",
        "Greeting": "Greeting",
        "Farewell": "Parting",
    }
    assert [activity.__name__ for activity in registry.activities] == ["greet"]


def test_a_workflow_that_two_modules_share_is_registered_once(write_module: WriteModule) -> None:
    shared = write_module("greetings", GREETINGS)
    borrower = write_module("borrower", "from greetings import Greeting, greet")

    assert load_registry([shared, borrower, shared]) == load_registry([shared])


def test_the_error_for_a_missing_module_names_it_and_pythonpath() -> None:
    with pytest.raises(SetupError, match=r"workflow module no_team\.workflows cannot be imported .* PYTHONPATH"):
        load_registry(["no_team.workflows"])


def test_the_error_for_a_missing_import_names_it(write_module: WriteModule) -> None:
    with pytest.raises(SetupError, match=r"workflow module needy cannot be imported .*no_such_library"):
        load_registry([write_module("needy", "import no_such_library")])


def test_the_error_for_two_workflows_of_one_name_names_both_modules(write_module: WriteModule) -> None:
    modules = [write_module("greetings", GREETINGS), write_module("others", ANOTHER_GREETING)]

    with pytest.raises(SetupError, match="Two workflows are called Greeting: greetings and others"):
        load_registry(modules)


def test_the_name_of_a_built_in_workflow_is_refused(write_module: WriteModule) -> None:
    text = ANOTHER_GREETING.replace("Greeting", "DocumentAnalysis")

    with pytest.raises(SetupError, match="Two workflows are called DocumentAnalysis"):
        load_registry([write_module("mine", text)])


def test_the_error_for_two_activities_of_one_name_names_both_modules(write_module: WriteModule) -> None:
    modules = [write_module("greetings", GREETINGS), write_module("others", ANOTHER_GREET.format(name="greet"))]

    with pytest.raises(SetupError, match="Two activities are called greet: greetings and others"):
        load_registry(modules)


@pytest.mark.parametrize("name", ["say", "ask_model", "call_tool"])
def test_the_name_of_a_built_in_activity_is_refused(write_module: WriteModule, name: str) -> None:
    module = write_module("mine", ANOTHER_GREET.format(name=name))

    with pytest.raises(SetupError, match=f"activity {name} of mine has the name of one of Perdure's own activities"):
        load_registry([module])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\ndef greet(:", r"SyntaxError: invalid syntax \(broken.py, line 3\)"),
        ("{}['name']", "KeyError: 'name'"),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_the_error_for_a_module_that_fails_to_import_names_the_cause(
    write_module: WriteModule, text: str, message: str
) -> None:
    with pytest.raises(SetupError, match=f"workflow module broken breaks while it is imported .*{message}"):
        load_registry([write_module("broken", text)])


@pytest.mark.parametrize("name", ["", ".workflows"])
def test_an_invalid_module_name_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match=f"'{name}' is not the name of a module"):
        load_registry([name])


def test_a_module_may_define_only_functions_for_tools(write_module: WriteModule) -> None:
    module = write_module("prices", "def in_euro(dollars: float) -> float:\n    return dollars * 0.9\n")

    assert load_registry([module]) == load_registry([])


def test_the_error_for_a_module_without_workflows_names_the_decorator(write_module: WriteModule) -> None:
    module = write_module("forgetful", f"from os.path import join\n{ANOTHER_GREETING.replace('@', '# @')}")

    with pytest.raises(SetupError, match=r"no activity and no function: is @workflow\.defn missing\?"):
        load_registry([module])


@pytest.mark.parametrize("kind", ["signal", "query", "update"])
def test_a_handler_with_a_reserved_name_is_refused(write_module: WriteModule, kind: str) -> None:
    text = ANOTHER_GREETING.replace("Greeting", "Mine") + (
        f'\n    @workflow.{kind}(name="perdure_decision")\n    def approve(self, it: str) -> None: ...\n'
    )

    with pytest.raises(SetupError, match=f"The {kind} perdure_decision has a reserved name.*Rename it in mine.Hello"):
        load_registry([write_module("mine", text)])


def test_a_workflow_with_a_reserved_name_is_refused(write_module: WriteModule) -> None:
    text = ANOTHER_GREETING.replace("Greeting", "perdure.Mine")

    with pytest.raises(SetupError, match=r"The workflow perdure\.Mine has a reserved name"):
        load_registry([write_module("mine", text)])
