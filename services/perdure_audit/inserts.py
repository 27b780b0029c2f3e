"""Inserts many rows by one call of the driver: SQLAlchemy's own binding of each row costs more than the database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Table
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Insert"]


class Insert:
    """The statement that inserts rows into a table.

    Args:
        table: The table.
        names: Its columns that the rows have, in the order of their values.
        dialect: The database's.
    """

    def __init__(self, table: Table, names: Sequence[str], dialect: Dialect) -> None:
        values = table.insert().values(dict.fromkeys(names))
        compiled = values.compile(dialect=dialect, column_keys=list(names))
        self._statement = str(compiled)
        self._names = list(compiled.positiontup or ())
        self._converters: list[tuple[int, Callable[[Any], Any]]] = []
        for at, name in enumerate(self._names):
            converter = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
            if converter is not None:
                self._converters.append((at, converter))

    async def __call__(self, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database refuses one of them, or cannot be written right now.
        """
        names, converters = self._names, self._converters
        bound = []
        for row in rows:
            values = [row[name] for name in names]
            for at, convert in converters:
                values[at] = convert(values[at])
            bound.append(tuple(values))
        await connection.exec_driver_sql(self._statement, bound)
