"""Prepares the demo's folder: its documents and its configuration."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import yaml

from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.errors import SetupError

__all__ = ["DOCUMENT", "lay_out"]

DOCUMENT: Final = "contract.md"

_PACKAGED: Final = Path(__file__).parent / "documents"  # in an installed package; a checkout has them in examples/
_IN_CHECKOUT: Final = Path(__file__).parents[4] / "examples" / "documents"


def lay_out(state: Path) -> Settings:
    """Copy the documents, write the configuration and return it.

    Engine, servers and model come from the user's configuration.

    Raises:
        SetupError: The user's configuration is invalid.
    """
    user_settings = load_settings(state=state)
    state = state.resolve()
    documents = state / "documents"
    shutil.copytree(_source_folder(), documents, dirs_exist_ok=True)
    content = user_settings.model_dump(mode="json", include={"execution_engine", "temporal", "nats", "llm"}) | {
        "routes": [
            {"on": "documents.submitted", "start": "DocumentAnalysis", "schema": "perdure.contracts:DocumentSubmitted"}
        ],
        "mcp": {"servers": {"filesystem": _filesystem_server(documents)}},
    }
    file = state / "perdure.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    os.environ[CONFIG_VARIABLE] = str(file)
    return load_settings(state=state)


def _filesystem_server(documents: Path) -> dict[str, object]:
    return {"command": sys.executable, "args": ["-m", "perdure_orchestrator.filesystem_server", str(documents)]}


def _source_folder() -> Path:
    found = next((folder for folder in (_PACKAGED, _IN_CHECKOUT) if folder.is_dir()), None)
    if found is None:
        raise SetupError("The demo's documents are missing from this installation: reinstall perdure.")
    return found
