"""What a configuration cannot hold: nothing starts with it, and a sentence says why. It starts without the flaw."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from perdure.approvers import SigningKey
from perdure.config.loader import load_settings
from perdure.config.problem import InvalidConfiguration
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure_ingest.check import find_problems as ingest_problems
from perdure_notifier.check import find_problems as notifier_problems
from perdure_orchestrator.check import find_problems as orchestrator_problems

KEYS = {name: [{"public": SigningKey.new().public}] for name in ("ada", "bob", "proxy")}
APPROVERS: dict[str, Any] = {
    "approvers": {
        "ada": {"roles": ["editor"], "slack": "UADA", "keys": KEYS["ada"]},
        "bob": {"roles": ["editor"], "slack": "UBOB", "keys": KEYS["bob"]},
    },
    "proxies": {"desk": {"people": ["ada"], "keys": KEYS["proxy"]}},
}
HOOK = {"url": "https://hook.example.com", "secret_variable": "HOOK_SECRET", "answers": True}
SLACK = {"channel": "C1", "signing_secret_variable": "SLACK_SECRET"}
CONFIGURATION: dict[str, Any] = {
    "routes": [{"on": "work.done", "start": "DocumentAnalysis"}],
    "approvals": {"policies": {"*": {"roles": ["editor"], "proxies": False}}},
    "notifier": {"channels": {"hook": {"webhook": HOOK}}, "url": "https://approve.example.com"},
}
SECRETS = {
    "HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "SLACK_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "SLACK_BOT_TOKEN": "xoxb",
}


@dataclass(frozen=True)
class Flaw:
    """Something that must keep a suite from starting.

    Attributes:
        name: What it is, after "… cannot hold".
        sentence: Part of the problem that is reported.
        configuration: What is merged into the configuration.
        approvers: What is merged into the approvers file.
        secrets: Other secrets.
    """

    name: str
    sentence: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    approvers: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


def merged(base: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    result = deepcopy(base)
    for name, value in change.items():
        if value is None:  # taken out
            result.pop(name, None)
            continue
        inner = result.get(name)
        result[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return result


def policy(**fields: Any) -> dict[str, Any]:
    return {"approvals": {"policies": {"*": fields}}}


def signals(name: str) -> dict[str, Any]:
    return {"routes": [{"on": "work.done", "signal": name, "workflow_id": "w-{data.id}"}]}


def starts_and_signals(name: str) -> dict[str, Any]:
    both = {"start": "DocumentAnalysis", "signal": name}
    return {"routes": [{"on": "work.done", "signal_with_start": both, "workflow_id": "w-{data.id}"}]}


def problems(folder: Path, flaw: Flaw) -> list[str]:
    """Return what keeps a suite from starting; an approvers file that is wrong is among it."""
    approvers, file = folder / "approvers.yaml", folder / "perdure.yaml"
    approvers.write_text(yaml.safe_dump(merged(APPROVERS, flaw.approvers)))
    configuration = merged(CONFIGURATION, flaw.configuration)
    configuration = merged(configuration, {"approvals": {"approvers": str(approvers)}})
    file.write_text(yaml.safe_dump(configuration))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIG_VARIABLE, str(file))
        for name, value in {**SECRETS, **flaw.secrets}.items():
            patch.setenv(name, value)
        try:
            settings = load_settings(state=folder / "state")
        except InvalidConfiguration as error:
            return [str(problem) for problem in error.problems]
        checks = (check(settings) for check in (ingest_problems, orchestrator_problems, notifier_problems))
        return [str(problem) for problem in chain.from_iterable(checks)]


FLAWS = [
    Flaw("a route that signals a decision", "perdure", signals("perdure_decision")),
    Flaw(
        "a route that starts and signals a decision",
        "perdure",
        starts_and_signals("perdure_decision"),
    ),
    Flaw(
        "a webhook's secret of eight bytes",
        "24",
        secrets={"HOOK_SECRET": "whsec_c2hvcnRvbmU="},
    ),
    Flaw(
        "a webhook's secret that is no base64",
        "base64",
        secrets={"HOOK_SECRET": "!!"},
    ),
    Flaw(
        "a webhook that takes answers without a secret",
        "answers must be signed",
        {"notifier": {"channels": {"hook": {"webhook": {"secret_variable": None}}}}},
    ),
    Flaw(
        "buttons in Slack without the workspace",
        "team_id",
        {"notifier": {"channels": {"desk": {"slack": SLACK}}}},
    ),
    Flaw(
        "one key under two names",
        "belongs to",
        approvers={"approvers": {"bob": {"keys": KEYS["ada"]}}},
    ),
    Flaw(
        "the key of a proxy under a name",
        "belongs to",
        approvers={"approvers": {"bob": {"keys": KEYS["proxy"]}}},
    ),
    Flaw(
        "one Slack id under two names",
        "belongs to",
        approvers={"approvers": {"bob": {"slack": "UADA"}}},
    ),
    Flaw(
        "an absence with a delegate who does not exist",
        "ghost",
        approvers={"approvers": {"bob": {"away": {"to": ["ghost"]}}}},
    ),
    Flaw(
        "a proxy for somebody who does not exist",
        "ghost",
        approvers={"proxies": {"desk": {"people": ["ghost"]}}},
    ),
    Flaw(
        "two names whose decisions have one id",
        "decision ids",
        approvers={"approvers": {"ada.b": {}}},
    ),
    Flaw("a quorum that nobody can meet", "3", policy(quorum=3)),
    Flaw("a role that nobody has", "legal", policy(roles=["legal"])),
    Flaw("a quorum of people who are too few", "2 people must approve", policy(quorum=2, roles=[], people=["ada"])),
    Flaw(
        "a quorum that one proxy could meet alone",
        "proxies",
        {"approvals": {"policies": {"*": {"quorum": 2, "proxies": None}}}},
    ),
    Flaw(
        "approval by silence where no channel reaches people",
        "silence",
        {**policy(timeout="1h", silence="approve"), "notifier": {"channels": {"hook": None, "here": {"terminal": {}}}}},
    ),
    Flaw("a policy with a word that nobody knows", "quorums", policy(quorums=2)),
]


def test_the_configuration_without_a_flaw_starts(tmp_path: Path) -> None:
    assert problems(tmp_path, Flaw("nothing", "")) == []


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_configuration_cannot_hold(flaw: Flaw, tmp_path: Path) -> None:
    found = problems(tmp_path, flaw)

    assert any(flaw.sentence in problem for problem in found), found
