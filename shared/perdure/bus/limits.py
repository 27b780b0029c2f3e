"""What NATS takes as one message: a publisher that sends anything else loses its connection for good.

Source: nats-server 2.15: ``max_control_line`` is 4,096 bytes and JetStream stores 64 KiB of headers.
"""

import re
from typing import Final

from perdure.bus.envelope import RawMessage
from perdure.errors import InvalidMessage

__all__ = ["LARGEST_REPLY", "LONGEST_SUBJECT", "MOST_HEADER_BYTES", "check_publishable"]

LARGEST_REPLY: Final = 512 * 1024
"""Bytes of a reply to a request; NATS' own default limit is 1 MiB a message."""

LONGEST_SUBJECT: Final = 3_500
"""Bytes. The rest of a control line holds the reply subject and the sizes, or the names of a consumer."""

MOST_HEADER_BYTES: Final = 32 * 1024
"""Bytes of all headers of a message."""

_NO_SUBJECT: Final = re.compile(r"[\x00-\x20\x7f]|^\.|\.\.|\.$|^$|(^|\.)[*>](\.|$)")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # nats-py takes no other


def check_publishable(raw: RawMessage, *, max_bytes: int | None = None) -> None:
    """Refuse a message that NATS refuses, or that would end the connection of its publisher.

    Args:
        raw: The message.
        max_bytes: Most bytes of headers and body together: the server's ``max_payload``.

    Raises:
        InvalidMessage: ``too_large`` or ``bad_envelope``, with the part that does not fit.
    """
    _check_subject(raw.subject)
    size = len("NATS/1.0\r\n\r\n")
    for name, value in raw.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidMessage("bad_envelope", f"NATS takes no header that is called {name[:80]!r}.")
        size += len(name) + len(_encoded(value, f"The header {name}")) + 4
    if size > MOST_HEADER_BYTES:
        raise InvalidMessage("too_large", f"The headers have {size} bytes; at most {MOST_HEADER_BYTES} are published.")
    if max_bytes is not None and size + len(raw.body) > max_bytes:
        raise InvalidMessage("too_large", f"NATS accepts at most {max_bytes} bytes a message, with its headers.")


def _check_subject(subject: str) -> None:
    length = len(_encoded(subject, "The subject"))
    if length > LONGEST_SUBJECT:
        raise InvalidMessage(
            "too_large",
            f"The subject {subject[:40]}… has {length} bytes; at most {LONGEST_SUBJECT} are published. Shorten the id.",
        )
    if _NO_SUBJECT.search(subject):
        raise InvalidMessage("bad_envelope", f"NATS takes no message on the subject {subject[:80]!r}.")


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidMessage("bad_envelope", f"{what} holds half of a surrogate pair.") from error
