"""``perdure admin encryption``: the keys of encrypted values, and the codec endpoint for Temporal's UI."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from perdure.cli.command_group import new_group
from perdure.cli.output import console
from perdure.errors import PerdureError, SetupError, WrongArgument

__all__ = ["register"]

_UI: Final = "http://localhost:8233"

_encryption = new_group("Keys of encrypted values, and a codec endpoint for Temporal's UI.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_encryption, name="encryption")


@_encryption.command("new-key", epilog="Example: perdure admin encryption new-key --file keys.txt")
def new_key(
    file: Annotated[Path | None, typer.Option(help="The key ring; by default `encryption.keys_file`.")] = None,
    name: Annotated[str | None, typer.Option("--id", help="Its id; by default the time.")] = None,
) -> None:
    """Put a new key first into the ring: it encrypts, the others decrypt.

    Services read the file again by themselves. Where services run on several machines, give all of them the new key
    below the first one before you put it first. Keep a backup: without a key its values are lost.
    """
    from perdure.config.replace_file import replace_file
    from perdure.encryption import new_key_line, parse_key_ring

    ring = (file or _configured()).expanduser()
    former = ring.read_text(encoding="utf-8") if ring.exists() else ""
    try:
        content = new_key_line(name or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}") + former
        parse_key_ring(content)
    except ValueError as error:
        raise WrongArgument(f"{ring} would be no key ring: {error}.") from error
    if not former:
        ring.parent.mkdir(parents=True, exist_ok=True)
        ring.touch(mode=0o600)
    ring.chmod(ring.stat().st_mode & 0o770)  # a group may be that of the services
    replace_file(ring, content.encode())
    console.print(f"{content.split()[0]} encrypts from now on. Keep a backup of {ring}.", soft_wrap=True)


@_encryption.command(epilog="Example: perdure admin encryption serve --tokens tokens.txt")
def serve(  # noqa: PLR0913 (each is a flag)
    *,
    tokens: Annotated[Path, typer.Option(help="Who may read: a line `<name> <token>` each.")],
    origin: Annotated[list[str] | None, typer.Option(help=f"Of Temporal's UI; by default {_UI}.")] = None,
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where it listens.")] = 8234,
    certificate: Annotated[Path | None, typer.Option(help="For HTTPS, in PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="Of the certificate, in PEM.")] = None,
) -> None:
    """Serve a codec endpoint for Temporal's UI, until interrupted.

    Each look at values is recorded on ADMIN, with who and of which run, before they are shown.
    """
    if (certificate is None) != (key is None):
        raise WrongArgument("--certificate and --key belong together: give both.")
    command = [sys.executable, "-m", "perdure.codec_server", f"--tokens={tokens}", f"--host={host}", f"--port={port}"]
    command += [f"--origin={it.rstrip('/')}" for it in origin or [_UI]]
    if certificate is not None:
        command += [f"--certificate={certificate}", f"--key={key}"]
    raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 (this interpreter)


def _configured() -> Path:
    from perdure.config.loader import load_settings

    try:
        file = load_settings().encryption.keys_file
    except PerdureError as error:
        raise SetupError(f"{error} Or name the file by --file.") from error
    if file is None:
        raise SetupError("`encryption.keys_file` is not configured: name the file by --file, and then in perdure.yaml.")
    return file
