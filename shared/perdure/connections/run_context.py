"""A client's data converter for the values of one run: a codec binds and checks the run."""

from temporalio.client import Client
from temporalio.converter import DataConverter, WorkflowSerializationContext

__all__ = ["converter_of_run"]


def converter_of_run(client: Client, workflow_id: str) -> DataConverter:
    """Return the data converter; without a codec it is the client's own, not a copy."""
    return client.data_converter.with_context(WorkflowSerializationContext(client.namespace, workflow_id))
