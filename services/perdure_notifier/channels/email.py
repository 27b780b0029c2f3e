"""Mail to those who are asked: each gets a link that shows what will happen, and answers by a click there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate
from hashlib import sha256
from typing import Final

import aiosmtplib

from perdure.approvers import ApproversFile, may_answer
from perdure.bus import KeyValue
from perdure.config.notifier import EmailSettings
from perdure.contracts import Alert
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.channel import Refused
from perdure_notifier.notice import Notice
from perdure_notifier.render import render, render_digest
from perdure_notifier.replies.links import Links

__all__ = ["EmailChannel"]

_ANSWERED_WITHIN: Final = 10.0  # seconds
_FOR_GOOD: Final = 500  # SMTP's replies from here on say that trying again will not help (RFC 5321, 4.2.1)


@dataclass(frozen=True, slots=True)
class _Recipient:
    address: str
    approver: str | None = None


class EmailChannel:
    """Speaks SMTP; whom it reached lies in a bucket, so that a second try writes only to the others."""

    def __init__(  # noqa: PLR0913 (what it needs)
        self,
        name: str,
        settings: EmailSettings,
        password: str | None,
        *,
        entries: KeyValue,
        approvers: ApproversFile,
        links: Links | None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._password = password
        self._entries = entries
        self._approvers = approvers
        self._links = links

    async def send(self, notices: Sequence[Notice]) -> str:
        """Write to everybody who is asked by one of the notices, one mail each."""
        letters: dict[_Recipient, list[Notice]] = {}
        for notice in notices:
            for recipient in self._recipients(notice):
                letters.setdefault(recipient, []).append(notice)
        if not letters:
            raise Refused("nobody who is asked has an address: `email` in the approvers file, or `also_to`")
        outcomes = [await self._write(self._letter(recipient, about)) for recipient, about in letters.items()]
        for error in outcomes:  # after everybody was written to who could be
            if isinstance(error, Unavailable):
                raise error
        refused = [f"{to.address}: {error}" for to, error in zip(letters, outcomes, strict=True) if error is not None]
        if len(refused) == len(letters):
            raise Refused("; ".join(refused))
        reached = [to.address for to, error in zip(letters, outcomes, strict=True) if error is None]
        return f"mailed to {', '.join(reached)}" + "".join(f"; {why}" for why in refused)

    async def _write(self, letter: EmailMessage) -> Refused | Unavailable | None:
        """Send a letter, unless it was sent before; returns what stands in its way."""
        if await self._entries.get(letter["Message-ID"]) is not None:
            return None
        try:
            await self._send(letter)
        except (Refused, Unavailable) as error:
            return error
        await self._entries.put(letter["Message-ID"], b"")
        return None

    def _recipients(self, notice: Notice) -> Iterator[_Recipient]:
        yield from (_Recipient(address) for address in self._settings.also_to)
        try:
            people = self._approvers.current().approvers
        except SetupError as error:
            raise Unavailable(str(error)) from error
        for name, one in people.items():
            if one.email and self._concerns(name, notice):
                yield _Recipient(one.email, name)

    def _concerns(self, name: str, notice: Notice) -> bool:
        known, message = self._approvers.current(), notice.message
        if isinstance(message, Alert):
            return bool({*known.approvers[name].roles} & {*message.roles})
        also = notice.also_asked
        return notice.request is not None and may_answer(known, name, notice.request, datetime.now(UTC), also=also)

    def _letter(self, to: _Recipient, notices: Sequence[Notice]) -> EmailMessage:
        words, key = render_digest(notices), ".".join([self.name, to.address, *(notice.key for notice in notices)])
        message = EmailMessage()
        message["From"], message["To"] = self._settings.sender, to.address
        message["Subject"] = " ".join(words.headline.split())
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:32]}@perdure>"
        message["References"] = f"<{sha256(notices[0].thread.encode()).hexdigest()[:32]}@perdure>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note shall answer it
        message.set_content("\n\n".join(self._paragraphs(to, notices)) + "\n")
        return message

    def _paragraphs(self, to: _Recipient, notices: Sequence[Notice]) -> Iterator[str]:
        for notice in notices:
            words = render(notice)
            yield f"{words.headline}\n{words.text}".rstrip() if len(notices) > 1 else words.text or words.headline
            link = self._link(to, notice)
            if link is not None:
                yield f"Look at it, and answer with a click there. The link is yours alone:\n{link}"

    def _link(self, to: _Recipient, notice: Notice) -> str | None:
        request = notice.request
        if self._links is None or to.approver is None or request is None or not notice.question:
            return None
        return self._links.make(request, to.approver) if request.policy.proxies else None

    async def _send(self, message: EmailMessage) -> None:
        where = self._settings
        try:
            await aiosmtplib.send(
                message,
                hostname=where.host,
                port=where.port,
                username=where.username,
                password=self._password,
                use_tls=where.tls == "implicit",
                start_tls=where.tls == "starttls",
                timeout=_ANSWERED_WITHIN,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _judged(error.recipients[0]) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"The mail server does not answer: {error!r}") from error


def _judged(error: aiosmtplib.SMTPResponseException) -> Exception:
    said = f"The mail server answered {error.code} {error.message}"
    return Refused(said) if error.code >= _FOR_GOOD else Unavailable(said)
