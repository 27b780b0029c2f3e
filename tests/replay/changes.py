"""Changes of the recorded workflows: some break open runs, others do not."""

from dataclasses import dataclass
from typing import Final

GREET = "        first = await workflow.execute_activity(greet, name, start_to_close_timeout=SOON)\n"
LOCAL = '        second = await workflow.execute_local_activity(greet, "local " + name, start_to_close_timeout=SOON)\n'
HOUR = "        await workflow.sleep(3600)\n"
PAY = '            await saga.run(pay, order, undo="refund", undo_args=(order,))\n'
SHIP = "            await saga.run(ship, order)\n"
CHILD = "        await workflow.execute_child_workflow(Failing.run)\n"
ASK = '        from perdure.flow import approval\n        await approval("Greet?")\n'
WAIT = "        await workflow.wait_condition(lambda: False)\n"
QUERY = "    @workflow.query\n"
HANDLER = "    @workflow.signal\n    async def hurry(self) -> None:\n        await workflow.sleep(1)\n\n"
ANSWER = "                answers.append((await clerk.llm.generate(prompt)).text)\n"


@dataclass(frozen=True)
class Change:
    """A change of recorded workflows.

    Attributes:
        what: Its name.
        history: A history from before it.
        module: The module of its workflow.
        old: What stands there.
        new: What stands there after it.
        event: The event that the changed code contradicts.
        line: What stands in the line that the gate names.
        why: A part of the sentence.
    """

    what: str
    history: str
    module: str
    old: str
    new: str
    event: int = 0
    line: str = ""
    why: str = ""


BREAKING: Final = [
    Change(
        "step added",
        "plain-greeting",
        "plain",
        GREET,
        GREET + GREET.replace("first", "again"),
        11,
        "again = ",
        "local activity greet",
    ),
    Change(
        "step removed", "plain-greeting", "plain", GREET, '        first = "Hello"\n', 5, "second = ", "activity greet"
    ),
    Change(
        "steps reordered", "plain-greeting", "plain", GREET + LOCAL, LOCAL + GREET, 5, "second = ", "activity greet"
    ),
    Change("activity renamed", "plain-greeting", "plain", "greet", "hello", 5, "first = ", "activity hello"),
    Change("timer added", "plain-greeting", "plain", GREET, HOUR + GREET, 5, "workflow.sleep(3600)", "a timer"),
    Change("timer removed", "plain-greeting", "plain", HOUR, "", 29, "both = ", "a timer"),
    Change(
        "local activity to activity",
        "plain-greeting",
        "plain",
        LOCAL,
        LOCAL.replace("execute_local", "execute"),
        11,
        "second = ",
        "local activity greet",
    ),
    Change(
        "activity to local activity",
        "plain-greeting",
        "plain",
        GREET,
        GREET.replace("execute_a", "execute_local_a"),
        5,
        "first = ",
        "activity greet",
    ),
    Change(
        "result of another type",
        "plain-greeting",
        "plain",
        "async def greet(name: str) -> str:",
        "async def greet(name: str) -> int:",
        7,
        "first = ",
        "valid integer",
    ),
    Change(
        "child run for an activity",
        "plain-greeting",
        "plain",
        GREET,
        CHILD + GREET,
        5,
        "Failing.run",
        "child run Failing",
    ),
    Change(
        "workflow renamed",
        "plain-greeting",
        "plain",
        "class Greeting:",
        "class Greetings:",
        1,
        "@workflow.run",
        "did you mean Greetings?",
    ),
    Change(
        "input of another type",
        "plain-greeting",
        "plain",
        "run(self, name: str)",
        "run(self, name: int)",
        5,
        "@workflow.run",
        "valid integer",
    ),
    Change(
        "bug", "plain-greeting", "plain", LOCAL, "        [][len(name)]\n" + LOCAL, 11, "[][len(name)]", "IndexError"
    ),
    Change("code that waits", "plain-greeting", "plain", LOCAL, WAIT + LOCAL, 11, "lambda: False", "waits"),
    Change(
        "approval removed",
        "approval-approved",
        "approvals",
        "[await ask(question) for question in questions]",
        "await waits()\n\n\nasync def waits():\n    await workflow.sleep(1)",
        5,
        "workflow.sleep(1)",
        "approval request",
    ),
    Change(
        "text of a decided request",
        "approval-approved",
        "approvals",
        "        question.title,\n",
        '        f"Now: {question.title}",\n',
        13,
        "outcome = await approval(",
        "waits",
    ),
    Change("approval added", "plain-greeting", "plain", GREET, ASK + GREET, 5, "await approval", "approval request"),
    Change(
        "saga step added",
        "saga-succeeded",
        "sagas",
        PAY,
        PAY + "            await saga.run(mark, order)\n",
        19,
        "saga.run(mark",
        "activity mark",
    ),
    Change("saga step removed", "saga-succeeded", "sagas", PAY, "", 13, "buyer.tools.buy", "activity pay"),
    Change(
        "conversation with a note before it",
        "agent-turns",
        "agents",
        ANSWER,
        '                await note("asks")\n' + ANSWER,
        6,
        'note("asks")',
        "a model request",
    ),
    Change(
        "tools before the conversation",
        "agent-turns",
        "agents",
        ANSWER,
        '                await clerk.tools.price(item="hat")\n' + ANSWER,
        6,
        "clerk.tools.price",
        "a tool call",
    ),
    Change(
        "children in another order",
        "parent-of-three",
        "runs",
        "map(self._child, titles)",
        "map(self._child, reversed(titles))",
        5,
        "execute_child_workflow",
        "with the id",
    ),
]
COMPATIBLE: Final = [
    Change("body of an activity", "plain-greeting", "plain", 'return f"Hello, {name}!"', 'return f"Hi, {name}!"'),
    Change("comment", "plain-greeting", "plain", GREET, "        # A greeting comes first.\n" + GREET),
    Change("arguments of a step", "plain-greeting", "plain", '"local " + name', '"nearby " + name'),
    Change("time of a timer", "plain-greeting", "plain", "sleep(3600)", "sleep(60)"),
    Change(
        "timeout of a step", "plain-greeting", "plain", "SOON = timedelta(minutes=1)", "SOON = timedelta(minutes=9)"
    ),
    Change("result of the run", "plain-greeting", "plain", 'changes"]', 'changes, and no more"]'),
    Change("signal handler", "plain-greeting", "plain", QUERY, HANDLER + QUERY),
    Change(
        "step behind a patch",
        "plain-greeting",
        "plain",
        GREET,
        f'        if workflow.patched("again"):\n    {GREET}{GREET}',
    ),
    Change("prompt", "agent-turns", "agents", "You are a clerk.", "You are a friendly clerk."),
    Change("body of a saga's step", "saga-succeeded", "sagas", 'return "parcel"', 'return "box"'),
    Change("name of a saga's variable", "saga-succeeded", "sagas", "reserved", "kept"),
]
