"""A workflow for a worker written by hand: an agent summarises a complaint, a person approves the refund."""

from datetime import timedelta

from temporalio import activity, workflow

from perdure.flow import Agent, Approved, approval


@activity.defn
async def pay_back(order: str, euro: int) -> str:
    return f"{euro} euro paid back for {order}"


@workflow.defn
class Refund:
    @workflow.run
    async def run(self, complaint: dict[str, str]) -> str:
        order, euro = complaint["order"], int(complaint["euro"])
        async with Agent("clerk", instruction="You summarise complaints.") as clerk:
            summary = await clerk.llm.generate_str(f"Write a summary:\n\n{complaint['text']}")
        action = {"pay_back": order, "euro": euro}
        outcome = await approval(f"Refund {order}?", details=summary, action=action)
        if not isinstance(outcome, Approved):
            return f"{order} is not refunded"
        outcome.authorises(action)
        return await workflow.execute_activity(
            pay_back, args=[order, euro], start_to_close_timeout=timedelta(seconds=10)
        )
