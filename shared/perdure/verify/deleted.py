"""What a stream held when it was deleted on purpose: the verifier counts it as if it were there still."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from perdure.errors import SetupError
from perdure.verify.stream_message import StreamMessage

__all__ = ["DeletedStream", "append_deleted", "read_deleted"]


@dataclass(frozen=True, slots=True)
class DeletedStream:
    """A stream that was deleted.

    Attributes:
        stream: Its name.
        last: The sequence of its last message.
        floors: Up to which sequence each durable consumer had acknowledged everything, by its name.
        messages: What it held.
    """

    __pydantic_config__: ClassVar = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    stream: str
    last: int
    floors: Mapping[str, int]
    messages: Sequence[StreamMessage] = field(default=())

    def missed(self, consumer: str) -> list[StreamMessage]:
        """Return the messages that a consumer may not have handled."""
        return [it for it in self.messages if it.sequence > self.floors.get(consumer, 0)]


_LINE: Final = TypeAdapter(DeletedStream)


def append_deleted(file: Path, deleted: DeletedStream) -> None:
    """Append a deleted stream to a file, as one line."""
    with file.open("ab") as out:
        out.write(_LINE.dump_json(deleted) + b"\n")


def read_deleted(file: Path) -> list[DeletedStream]:
    """Read the deleted streams from a file.

    Raises:
        SetupError: The file cannot be read, or a line is no deleted stream.
    """
    try:
        return [_LINE.validate_json(line) for line in file.read_bytes().splitlines()]
    except (OSError, ValidationError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from error
