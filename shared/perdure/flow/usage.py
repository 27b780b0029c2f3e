"""What the agents of a run have used so far: limits and receipts of cost go by it."""

from perdure.contracts import RunUsage

__all__ = ["UsageMeter"]


class UsageMeter:
    """Adds up the usage of one run, including the runs that it continues.

    Attributes:
        used: Requests, tokens, cost and tool calls so far.
        model_requests: How many requests to models were made, answered or not.
    """

    def __init__(self) -> None:
        self.used = RunUsage()
        self.model_requests = 0

    def next_request(self) -> int:
        """Count one more request to a model, and return its number, from 1."""
        self.model_requests += 1
        return self.model_requests

    def add(self, usage: RunUsage) -> None:
        """Add the usage of an answered request or a tool call."""
        self.used += usage
