"""A record in the audit database, read part by part."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from perdure.errors import NotFound, Unavailable, WrongArgument
from perdure.ledger import Examined, Leaf, LeafExamination, TileKey
from perdure.record.database import full_tiles, leaves_of
from perdure.record.layout import LEAVES_A_FILE

__all__ = ["DatabaseRecord", "read_database"]

Result = TypeVar("Result")


@asynccontextmanager
async def read_database(url: URL) -> AsyncIterator[AsyncConnection]:
    """Connect to an audit database.

    Raises:
        NotFound: There is none, or it holds no ledger.
        Unavailable: It does not answer.
        WrongArgument: The URL names no database that can be read.
    """
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise NotFound(f"There is no audit database at {url.database}.")
    try:
        engine = create_async_engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise WrongArgument(f"{url.render_as_string()} is no URL of a database that can be read: {error}") from error
    try:
        async with engine.connect() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        if isinstance(error, DatabaseError) and _is_absent(str(reason)):
            raise NotFound(f"{url.render_as_string()} holds no ledger: {reason}") from error
        raise Unavailable(f"The audit database cannot be read: {reason}") from error
    finally:
        await engine.dispose()


@dataclass(frozen=True)
class DatabaseRecord:
    """The first leaves of a record in a database.

    Attributes:
        url: Of the database.
        size: How many leaves are read.
    """

    url: URL
    size: int

    @property
    def keeps_partial_tiles(self) -> bool:
        """Whether it keeps the tiles that are not full too."""
        return False

    @property
    def parts(self) -> int:
        """How many parts it has."""
        return -(-self.size // LEAVES_A_FILE)

    def examined(self, part: int) -> Examined:
        """Examine the leaves of a part.

        Raises:
            Unavailable: The database does not answer.
        """
        first = part * LEAVES_A_FILE

        async def examine(connection: AsyncConnection) -> Examined:
            examination = LeafExamination()
            async for leaves in leaves_of(connection, first, min(first + LEAVES_A_FILE, self.size)):
                for leaf in leaves:
                    examination.take(*leaf)
            return examination.found

        return self._read(examine)

    def tiles(self, keys: set[TileKey]) -> dict[TileKey, bytes]:
        """Return the tiles with these keys that are kept; only full ones are.

        Raises:
            Unavailable: The database does not answer.
        """
        return self._read(lambda connection: full_tiles(connection, keys)) if keys else {}

    async def leaves(self) -> AsyncIterator[list[Leaf]]:
        """Yield all leaves in order, in lists.

        Raises:
            Unavailable: The database does not answer.
        """
        async with read_database(self.url) as connection:
            async for leaves in leaves_of(connection, 0, self.size):
                yield leaves

    def _read(self, read: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        async def connected() -> Result:
            async with read_database(self.url) as connection:
                return await read(connection)

        return asyncio.run(connected())


def _is_absent(reason: str) -> bool:
    """Return whether the database lacks the table."""
    return "no such table" in reason or "does not exist" in reason
