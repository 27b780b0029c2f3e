"""The published contract for programs in any language: JSON Schemas and an AsyncAPI document, made from the models."""

from perdure.asyncapi.check import Difference, differences
from perdure.asyncapi.files import contract_files, read_files
from perdure.contracts.version import VERSION

__all__ = ["VERSION", "Difference", "contract_files", "differences", "read_files"]
