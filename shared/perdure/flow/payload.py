"""The base of the values in Temporal's histories."""

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """A value in Temporal's histories. An ``alias`` is the name under which a field was first recorded: it stays."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
