"""``perdure deploy`` and ``perdure up`` as their users meet them: processes in a terminal, of which some are killed."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.perdure_up import decide, next_event, running, waiting_request

GREETING = Path(__file__).parents[2] / "examples" / "greeting"
DECISION = "        decision ="
ANOTHER_STEP = '        await workflow.execute_activity(greet, "", start_to_close_timeout=timedelta(seconds=9))\n'


def test_what_is_deployed_goes_on_after_a_kill_and_an_edit_and_old_runs_end_with_old_code(tmp_path: Path) -> None:
    folder = shutil.copytree(GREETING, tmp_path / "greeting")
    module = folder / "greetings.py"
    code = module.read_text()
    absent = perdure(folder, "deploy")

    with running(folder) as up:
        perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", "ada")
        request = waiting_request(folder)
        module.write_text(f"import no_such_module\n{code}")
        refused = perdure(folder, "deploy")
        module.write_text(code.replace("Hello", "Welcome").replace(DECISION, f"{ANOTHER_STEP}{DECISION}"))
        looked = printed(perdure(folder, "deploy", "--dry-run", "--json"))
        picky = perdure(folder, "deploy", "--all-or-nothing")
        command = [binary("perdure"), "deploy", "--json"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as deploy:
            assert deploy.stdout is not None
            gated = json.loads(deploy.stdout.readline())
            up.kill()
            up.wait()
            _, error = deploy.communicate(timeout=60)

    with running(folder) as up:
        finished = next_event(up, lambda event: event.get("event") == "finished")
        perdure(folder, "publish", "people.arrived", '{"name": "Bob"}', "--id", "bob")
        decide(folder, "approve", request)
        old = perdure(folder, "result", "Greeting~ada", "--wait").stdout
        decide(folder, "approve", waiting_request(folder))
        new = perdure(folder, "result", "Greeting~bob", "--wait").stdout
        retired = next_event(up, lambda event: event.get("event") == "retired")

    assert (absent.returncode, refused.returncode, picky.returncode, deploy.returncode) == (75, 1, 1, 75)
    assert "No module named 'no_such_module'" in refused.stdout
    assert "greetings.py:" in picky.stdout
    assert [event["event"] for event in looked] == ["gated", "stays", "finished"]
    assert (gated["runs"], gated["differ"]) == (1, 1)
    assert "Start it with `perdure up`: it continues there" in error
    assert (finished["build"], finished["stays"]) == (gated["build"], 1)
    assert (old, new) == ('"Hello, Ada!"\n', '"Welcome, Bob!"\n')
    assert retired["build"] == looked[1]["build"]
