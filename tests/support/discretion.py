"""A user's workflow that brings in texts of its own: values, an alert and an approval request."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from perdure.flow import Agent, Approved, Policy, alert, approval, note

SOON = timedelta(seconds=20)


def planted(origin: str) -> str:
    """Return the text of an origin: ``runs``, ``alerts``, ``requests``, …"""
    return f"Geheimnis-{origin}-{int(str(4711))}"  # in no file: the code itself is kept in the state folder


@activity.defn
async def think(text: str) -> str:
    if activity.info().attempt == 1:
        raise ApplicationError(f"no thought of {text}", {"of": text}, type="Absent")
    return f"{text}, thought over" * 500


@workflow.defn
class Discreet:
    def __init__(self) -> None:
        self._received = ""

    @workflow.run
    async def run(self, data: dict[str, str]) -> dict[str, str]:
        text = planted("runs")
        workflow.upsert_memo({"about": text})
        thought = await workflow.execute_activity(think, text, start_to_close_timeout=SOON, summary=text)
        async with Agent("thinker", instruction=f"You think of {text}.") as thinker:
            await thinker.llm.generate_str(f"Think of {text}.")
        await note(f"thought of {text}")
        await alert(f"alert of {planted('alerts')}", details={"about": planted("alerts")})
        await workflow.wait_condition(lambda: bool(self._received))
        if "fails" in data:
            raise ApplicationError(f"{text} is gone", {"of": text}, type="Gone")
        if "stumbles" in data:
            raise ValueError(f"the code stumbles over {text}")
        secret = planted("requests")
        policy = Policy(roles=("reviewer",))
        asked = await approval(f"Use {secret}?", details=secret, action={"use": secret}, policy=policy)
        return {"thought": thought, "approved": str(isinstance(asked, Approved)), "received": self._received}

    @workflow.signal
    def hint(self, text: str) -> None:
        self._received = text
