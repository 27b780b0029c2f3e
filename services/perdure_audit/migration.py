"""Gives the table of 0.1 today's key, which has the time too: a stream that is made anew counts from 1 again."""

from typing import Final

from sqlalchemy import Connection, inspect

from perdure_audit.records import KEY, metadata, records

__all__ = ["create_or_migrate"]

_KEY_OF_0_1: Final = ("stream", "sequence")
_COPY: Final = (
    """INSERT INTO records
       SELECT position, stream, sequence, subject, said_at, heard_at, headers, body FROM records_of_0_1""",
    "DELETE FROM sqlite_sequence WHERE name = 'records'",
    "UPDATE sqlite_sequence SET name = 'records' WHERE name = 'records_of_0_1'",  # no position is given twice
    "DROP TABLE records_of_0_1",
)


def create_or_migrate(connection: Connection) -> None:
    """Create the table if there is none; in one of 0.1, replace the key. Rows and their positions stay as they are.

    Nothing is locked where the key is today's: others read and write meanwhile.
    """
    if _constraint_of_0_1(connection) is None:
        metadata.create_all(connection)
        return
    _lock(connection)
    former = _constraint_of_0_1(connection)
    if former is None:
        return  # another process replaced it meanwhile
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f'ALTER TABLE records DROP CONSTRAINT "{former}", ADD UNIQUE ({", ".join(KEY)})')
    else:
        _copy(connection)


def _constraint_of_0_1(connection: Connection) -> str | None:
    """Return the name of the key of 0.1, empty if it has no name; None if there is no such key."""
    found = inspect(connection)
    if not found.has_table(records.name):
        return None
    constraints = found.get_unique_constraints(records.name)
    return next((it["name"] or "" for it in constraints if tuple(it["column_names"]) == _KEY_OF_0_1), None)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE records IN ACCESS EXCLUSIVE MODE")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _copy(connection: Connection) -> None:
    """Copy the rows into a new table, within the open transaction: SQLite cannot change a constraint."""
    for index in records.indexes:
        index.drop(connection)
    connection.exec_driver_sql("ALTER TABLE records RENAME TO records_of_0_1")
    metadata.create_all(connection)
    for statement in _COPY:
        connection.exec_driver_sql(statement)
