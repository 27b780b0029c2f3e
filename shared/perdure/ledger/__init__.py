"""The ledger: a transparency log of what was recorded, in formats (C2SP) that other people's programs verify.

Pure: it reads no clock, no file and no database.
"""

from perdure.ledger.checkpoint import Checkpoint, open_checkpoint, read_checkpoint, sign_checkpoint
from perdure.ledger.discrepancy import Discrepancy
from perdure.ledger.entries import LARGEST, SALT, gap_entry, key_entry, message_entry
from perdure.ledger.examination import Examined, LeafExamination, examine
from perdure.ledger.hashes import leaf_hash
from perdure.ledger.kept import Kept, Leaf
from perdure.ledger.key_chain import KeyChain, KeyChange, change_statement, read_key_change
from perdure.ledger.note import BadNote, Signer, Verifier
from perdure.ledger.proof_file import BadProof, ProofFile
from perdure.ledger.proofs import consistency_ranges, inclusion_ranges, is_consistent, is_included
from perdure.ledger.record_entry import GAP, KEY, gap_body, key_body, record_entry
from perdure.ledger.tiles import GrowingTree, TileKey, TileMissing, edge_tiles, range_hash, tile_path, tiles_of
from perdure.ledger.verification import Verification, Witnessed

__all__ = [
    "GAP",
    "KEY",
    "LARGEST",
    "SALT",
    "BadNote",
    "BadProof",
    "Checkpoint",
    "Discrepancy",
    "Examined",
    "GrowingTree",
    "Kept",
    "KeyChain",
    "KeyChange",
    "Leaf",
    "LeafExamination",
    "ProofFile",
    "Signer",
    "TileKey",
    "TileMissing",
    "Verification",
    "Verifier",
    "Witnessed",
    "change_statement",
    "consistency_ranges",
    "edge_tiles",
    "examine",
    "gap_body",
    "gap_entry",
    "inclusion_ranges",
    "is_consistent",
    "is_included",
    "key_body",
    "key_entry",
    "leaf_hash",
    "message_entry",
    "open_checkpoint",
    "range_hash",
    "read_checkpoint",
    "read_key_change",
    "record_entry",
    "sign_checkpoint",
    "tile_path",
    "tiles_of",
]
