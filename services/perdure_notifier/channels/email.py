"""Sends notices by mail. Each approver gets a personal link to a page where they approve or reject."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.utils import formatdate
from hashlib import sha256
from typing import Final

import aiosmtplib

from perdure.approvers import ApproversFile, may_vote
from perdure.bus import KeyValue
from perdure.config.channels import EmailSettings
from perdure.contracts import Alert
from perdure.errors import SetupError, Unavailable
from perdure.values.printable import one_line
from perdure_notifier.channels.channel import PartlySent, Refused, shortened
from perdure_notifier.notice import AwaitsDecision, Notice
from perdure_notifier.render import render, render_digest
from perdure_notifier.replies.links import Links

__all__ = ["EmailChannel"]

_TIMEOUT: Final = 10.0  # seconds
_SUBJECT: Final = 200  # characters; Python folds a subject of a megabyte for minutes
_BODY: Final = 262_144  # characters; servers take 10 MB or more
_PERMANENT: Final = 500  # SMTP reply codes from here on are permanent failures (RFC 5321, 4.2.1)


@dataclass(frozen=True, slots=True)
class _Recipient:
    address: str
    approver: str | None = None


class EmailChannel:
    """Sends over SMTP. A key-value bucket remembers each sent mail, so that a retry skips those already sent."""

    def __init__(  # noqa: PLR0913 (its settings and its ports)
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
        """Send one mail to each recipient, with all notices that concern them."""
        by_recipient: dict[_Recipient, list[Notice]] = {}
        for notice in notices:
            for recipient in self._recipients(notice):
                by_recipient.setdefault(recipient, []).append(notice)
        if not by_recipient:
            raise Refused("no recipient has an address. Set `email` in the approvers file, or `also_to`")
        errors = {to: await self._send_once(to, about) for to, about in by_recipient.items()}
        for error in errors.values():  # only now, so that one failure does not keep the others from their mail
            if isinstance(error, Unavailable):
                raise PartlySent(str(error)) if None in errors.values() else error
        refused = [f"{one_line(to.address)}: {error}" for to, error in errors.items() if error is not None]
        if len(refused) == len(errors):
            raise Refused("; ".join(refused))
        reached = [to.address for to, error in errors.items() if error is None]
        return f"mailed to {', '.join(reached)}" + "".join(f"; {why}" for why in refused)

    async def _send_once(self, to: _Recipient, notices: Sequence[Notice]) -> Refused | Unavailable | None:
        """Send a mail unless it was sent before, and return the error, if any."""
        try:
            mail = self._mail(to, notices)
        except (ValueError, HeaderParseError) as error:
            return Refused(f"no mail can carry this address ({error})")
        if await self._entries.get(mail["Message-ID"]) is not None:
            return None
        try:
            await self._send(mail)
        except (Refused, Unavailable) as error:
            return error
        await self._entries.put(mail["Message-ID"], b"")
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
        directory, message = self._approvers.current(), notice.message
        if isinstance(message, Alert):
            return bool({*directory.approvers[name].roles} & {*message.roles})
        also = notice.escalated_to
        return notice.request is not None and may_vote(directory, name, notice.request, datetime.now(UTC), also=also)

    def _mail(self, to: _Recipient, notices: Sequence[Notice]) -> EmailMessage:
        text, key = render_digest(notices), ".".join([self.name, to.address, *(notice.key for notice in notices)])
        message = EmailMessage()
        message["From"], message["To"] = self._settings.sender, to.address
        message["Subject"] = shortened(" ".join(text.headline.split()), _SUBJECT)
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:32]}@perdure>"
        message["References"] = f"<{sha256(notices[0].thread.encode()).hexdigest()[:32]}@perdure>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: keeps absence notes from replying
        message.set_content("\n\n".join(self._paragraphs(to, notices)) + "\n")
        return message

    def _paragraphs(self, to: _Recipient, notices: Sequence[Notice]) -> Iterator[str]:
        for notice in notices:
            text = render(notice)
            yield shortened(text.joined() if len(notices) > 1 else text.body or text.headline, _BODY)
            link = self._link(to, notice)
            if link is not None:
                yield f"Approve or reject it here. The link is personal, do not forward it:\n{link}"

    def _link(self, to: _Recipient, notice: Notice) -> str | None:
        request = notice.request
        if self._links is None or to.approver is None or request is None:
            return None
        if not isinstance(notice.message, AwaitsDecision):
            return None
        return self._links.make(request, to.approver) if request.policy.proxies else None

    async def _send(self, message: EmailMessage) -> None:
        server = self._settings
        try:
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=self._password,
                use_tls=server.tls == "implicit",
                start_tls=server.tls == "starttls",
                timeout=_TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _mail_error(error.recipients[0]) from error
        except (aiosmtplib.SMTPNotSupported, ValueError) as error:  # such as an address that is not ASCII
            raise Refused(f"The mail server cannot be given this mail: {error}") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _mail_error(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"The mail server does not answer: {error!r}") from error


def _mail_error(error: aiosmtplib.SMTPResponseException) -> Exception:
    reply = f"The mail server answered {error.code} {error.message}"
    return Refused(reply) if error.code >= _PERMANENT else Unavailable(reply)
