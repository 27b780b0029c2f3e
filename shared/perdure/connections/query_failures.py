"""The text of a failed query, which temporalio's client does not decrypt."""

from temporalio.api.errordetails.v1 import QueryFailedFailure
from temporalio.client import WorkflowQueryFailedError
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from perdure.connections.failure_texts import shown_failure

__all__ = ["query_failure_text"]


async def query_failure_text(error: WorkflowQueryFailedError, converter: DataConverter) -> str:
    """Return the message of the error that the query raised.

    Args:
        error: What the client raised.
        converter: That of the client, with the run as its context.

    Raises:
        MissingKey: The key ring has not the key.
    """
    answered = error.__context__
    details = answered.grpc_status.details if isinstance(answered, RPCError) else ()
    for detail in details:
        found = QueryFailedFailure()
        if detail.Unpack(found):
            return (await shown_failure(found.failure, converter)).message
    return error.message
