"""Answers for proofs: at which leaf a message is, what leads from there to the signed root, and that the tree grew.

Each takes the tiles on its way to the root, so its cost does not depend on how much is recorded.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure.bus import Bus, RawMessage, decode
from perdure.bus.limits import LARGEST_REPLY
from perdure.contracts import CheckpointSigned
from perdure.contracts.audit_proofs import AuditProof, AuditProofsFound, AuditProofsQuery
from perdure.ledger import (
    BadNote,
    Checkpoint,
    KeyChain,
    TileMissing,
    Verifier,
    consistency_ranges,
    inclusion_ranges,
    range_hash,
    tiles_of,
)
from perdure.ledger.hashes import EMPTY
from perdure.ledger.tiles import TileKey
from perdure.record.database import in_utc, size_of_ledger
from perdure_audit.leaves import read_tiles
from perdure_audit.ledger_keys import key_changes
from perdure_audit.records import leaves, records

__all__ = ["Proofs"]

_Ranges = list[tuple[int, int]]


class Proofs:
    """Proves from the database what the newest checkpoint on the bus vouches for.

    Args:
        engine: The database of the ledger.
        verifier: A key of the ledger; its name is the ledger's.
        bus: Has the checkpoints.
    """

    def __init__(self, engine: AsyncEngine, verifier: Verifier, bus: Bus) -> None:
        self._engine = engine
        self._verifier = verifier
        self._bus = bus

    async def respond(self, request: RawMessage) -> bytes:
        """Reply to an ``AuditProofsQuery``."""
        query = AuditProofsQuery.model_validate_json(request.body)
        return (await self.find(query)).model_dump_json().encode()

    async def find(self, query: AuditProofsQuery) -> AuditProofsFound:
        """Return the proofs of a query that fit into one reply.

        Raises:
            Unavailable: The bus does not answer.
            sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
        """
        note = await self._newest_note()
        async with self._engine.connect() as connection:
            found = AuditProofsFound(key=str(self._verifier), checkpoint=note, size=await size_of_ledger(connection))
            try:
                return await self._proven(connection, query, found)
            except (BadNote, TileMissing, _Other) as error:
                return found.model_copy(update={"refusal": f"The database is not what was signed: {error}"})

    async def _newest_note(self) -> str:
        empty = CheckpointSigned(ledger=self._verifier.name, size=0, root="0" * 64, note="")
        stored = await self._bus.last(empty.subject)
        message = None if stored is None else decode(stored.raw)
        return message.note if isinstance(message, CheckpointSigned) else ""

    async def _proven(
        self, connection: AsyncConnection, query: AuditProofsQuery, found: AuditProofsFound
    ) -> AuditProofsFound:
        chain, changes = KeyChain(self._verifier), await key_changes(connection)
        for row in changes:
            chain.add(row["leaf"], row["entry"])
        head = chain.open(found.checkpoint) if found.checkpoint else Checkpoint(self._verifier.name, 0, EMPTY)
        if head.size > found.size:
            raise _Other(f"it has {found.size} leaves, and a checkpoint over {head.size} was signed.")
        rows = await _rows(connection, query.places)
        signed = {place: row for place, row in rows.items() if row["leaf"] < head.size}
        growth = _growth(query.grown_from, head.size)
        tree = await _Tree.read(connection, head, [row["leaf"] for row in (*signed.values(), *changes)], growth or [])
        proofs = [_proof(place, row, tree.path(row["leaf"]), kept=query.kept) for place, row in signed.items()]
        fitting = list(_fitting(proofs))
        return found.model_copy(
            update={
                "key": str(chain.valid_at(head.size)),
                "keys": tuple(
                    _proof(_place(row), row, tree.path(row["leaf"]), kept=False)
                    for row in changes
                    if row["leaf"] < head.size
                ),
                "proofs": tuple(fitting),
                "unsigned": tuple(place for place in rows if place not in signed),
                "unknown": tuple(place for place in query.places if place not in rows),
                "more": tuple(proof.place for proof in proofs[len(fitting) :]),
                "growth": None if growth is None else tree.hashes(growth),
            }
        )


class _Other(Exception):
    """The database holds another ledger than the one that was signed."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """The part of the tree that some proofs take."""

    size: int
    tiles: Mapping[TileKey, bytes]

    @classmethod
    async def read(
        cls, connection: AsyncConnection, head: Checkpoint, among: Iterable[int], growth: _Ranges
    ) -> "_Tree":
        """Read the tiles, and compare the root with the signed one."""
        paths = [inclusion_ranges(leaf, head.size) for leaf in among if leaf < head.size]
        needed = tiles_of([(0, head.size), *growth, *(it for path in paths for it in path)])
        tree = cls(head.size, await read_tiles(connection, head.size, needed))
        if range_hash(0, head.size, tree.tiles) != head.root:
            raise _Other(f"its first {head.size} leaves are not those of the checkpoint that was signed.")
        return tree

    def path(self, leaf: int) -> tuple[bytes, ...]:
        return self.hashes(inclusion_ranges(leaf, self.size))

    def hashes(self, ranges: _Ranges) -> tuple[bytes, ...]:
        return tuple(range_hash(start, end, self.tiles) for start, end in ranges)


def _growth(old: int | None, size: int) -> _Ranges | None:
    return consistency_ranges(old, size) if old is not None and old <= size else None


def _place(row: Any) -> str:
    return f"{row['stream']}:{row['sequence']}"


async def _rows(connection: AsyncConnection, places: Sequence[str]) -> dict[str, Any]:
    """Return the newest record of each place that has one, with its entry, in the order of the places."""
    by_stream: dict[str, list[int]] = defaultdict(list)
    for place in places:
        stream, _, sequence = place.partition(":")
        by_stream[stream].append(int(sequence))
    query = select(records, leaves.c.entry).join(leaves, leaves.c.leaf == records.c.leaf).order_by(records.c.position)
    found: dict[str, Any] = {}
    for stream, sequences in by_stream.items():
        of_stream = query.where(records.c.stream == stream, records.c.sequence.in_(sequences))
        for row in (await connection.execute(of_stream)).mappings():
            found[_place(row)] = row
    return {place: found[place] for place in dict.fromkeys(places) if place in found}


def _proof(place: str, row: Any, path: tuple[bytes, ...], *, kept: bool) -> AuditProof:
    proof = AuditProof(place=place, leaf=row["leaf"], entry=row["entry"], path=path)
    if not kept:
        return proof
    body = row["body"] if row["salt"] is not None else None  # erased together
    return proof.model_copy(
        update={
            "subject": row["subject"],
            "stored_at": in_utc(row["said_at"]),
            "headers": row["headers"],
            "body": body,
            "salt": row["salt"],
        }
    )


def _fitting(proofs: Iterable[AuditProof]) -> Iterable[AuditProof]:
    """Yield the first proofs, which fit into one reply; a body that does not fit alone is left out."""
    room = LARGEST_REPLY
    for proof in proofs:
        size = len(proof.model_dump_json())
        if size > LARGEST_REPLY:
            proof = proof.model_copy(update={"body": None})  # noqa: PLW2901 (the same proof without it)
            size = len(proof.model_dump_json())
        room -= size
        if room < 0:
            return
        yield proof
