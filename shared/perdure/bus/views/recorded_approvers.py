"""The approvers file as services use it: each version is on ADMIN before a decision is judged by it."""

from datetime import UTC, datetime
from typing import Final

from perdure.approvers import ApproversFile, ApproversVersion
from perdure.bus.port import Bus
from perdure.contracts import ApproversFileRead
from perdure.errors import SetupError, Unavailable

__all__ = ["RecordedApprovers"]

_RECORDS: Final = "admin.approvers_file"
_LONGEST: Final = 256 * 1024  # bytes of content in a record; NATS takes messages of 1 MiB


class RecordedApprovers:
    """Reads the approvers file and records each of its versions; remembers across restarts that there was one."""

    def __init__(self, file: ApproversFile, bus: Bus) -> None:
        self._file = file
        self._bus = bus
        self._recorded: str | None = None

    async def version(self) -> ApproversVersion:
        """Return the file as it is now, once ADMIN holds this version.

        Raises:
            Unavailable: The file cannot be read, or is gone although a service read it before; or the bus does not
                store the record.
        """
        try:
            version = self._file.version()
        except SetupError as error:
            raise Unavailable(str(error)) from error
        if version.digest is None:
            await self._expect_none()
        elif version.digest != self._recorded:
            await self._bus.publish(_record(version, version.digest))
            self._recorded = version.digest
        return version

    async def _expect_none(self) -> None:
        if await self._bus.count_by_subject(_RECORDS):
            raise Unavailable(
                f"The approvers file {self._file.path} is gone: ADMIN says that it was read before. Restore it: until "
                "then no decision is judged, and no request expires."
            )


def _record(version: ApproversVersion, digest: str) -> ApproversFileRead:
    now = datetime.now(UTC)
    return ApproversFileRead(
        digest=digest,
        modified_at=version.modified_at or now,
        content=version.text if len(version.text.encode()) <= _LONGEST else None,
        approvers=tuple(version.directory.approvers),
        proxies=tuple(version.directory.proxies),
        at=now,
    )
