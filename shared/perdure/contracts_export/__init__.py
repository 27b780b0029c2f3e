"""The contracts, for programs in any language: JSON Schemas and an AsyncAPI document, made from the models."""

from perdure.contracts_export.check import Difference, differences
from perdure.contracts_export.files import contract_files, read_files
from perdure.contracts_export.version import VERSION

__all__ = ["VERSION", "Difference", "contract_files", "differences", "read_files"]
