"""``--replicas ingest=3,orchestrator=2``: how many processes a service has."""

from typing import Annotated

import typer

from perdure.local.services import MANY

__all__ = ["Replicas", "read_replicas"]

Replicas = Annotated[
    str, typer.Option(help=f"Several processes of a service, as ingest=3,orchestrator=2. Of: {', '.join(MANY)}.")
]


def read_replicas(text: str) -> dict[str, int]:
    """Read the option.

    Raises:
        typer.BadParameter: A service is unknown or cannot be many, or a number is none.
    """
    return dict(_one(part) for part in text.split(",") if part.strip())


def _one(part: str) -> tuple[str, int]:
    name, _, number = (word.strip() for word in part.partition("="))
    if name == "audit":
        raise typer.BadParameter("audit writes one SQLite file, so there is one process of it")
    if name not in MANY:
        raise typer.BadParameter(f"there is no service {name!r} to have several of; there are: {', '.join(MANY)}")
    if not number.isdecimal() or int(number) < 1:
        raise typer.BadParameter(f"{name} needs a number of processes, 1 at least, as in {name}=3; not {number!r}")
    return name, int(number)
