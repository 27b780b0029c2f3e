"""``perdure admin nats``: the permissions of all roles, for a NATS server of your own."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from perdure.cli.client import open_bus, run_command
from perdure.cli.command_group import new_group
from perdure.cli.output import console
from perdure.errors import NotFound, WrongArgument
from perdure.values.nearest import nearest

__all__ = ["register"]

_FOLDER: Final = Path("deploy/nats/nkeys")
_PUBLIC: Final = "public.env"
_HEAD: Final = "# Made by `perdure admin nats accounts` from perdure/bus/permissions.py.\n"

_Suite = Annotated[str | None, typer.Option(help="One of several suites on the server.")]
_Suites = Annotated[list[str] | None, typer.Option(help="A suite on the server; once for each.")]

_nats = new_group("Keys and permissions for a NATS server of your own.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_nats, name="nats")


@_nats.command(epilog="Example: perdure admin nats keys --to deploy/nats/nkeys")
def keys(to: Annotated[Path, typer.Option(help="The folder that holds them.")] = _FOLDER, suite: _Suite = None) -> None:
    """Make missing nkey seeds, and print variables for nats-server."""
    from perdure.bus.accounts import key_variable
    from perdure.bus.permissions import ROLES
    from perdure.local.nkeys import ensure_nkeys

    public = ensure_nkeys(to, ROLES)
    file = to / _PUBLIC
    file.write_text("".join(f"{key_variable(role, _name(suite or ''))}={nkey}\n" for role, nkey in public.items()))
    console.print(f"The seeds of {', '.join(ROLES)} are in {to}: give each service only its own.", soft_wrap=True)
    console.print(f"{file} holds the public nkeys, as variables for nats-server.", soft_wrap=True)


@_nats.command(epilog="Example: perdure admin nats seed operator")
def seed(role: Annotated[str, typer.Argument(help="Such as bot or operator.")]) -> None:
    """Print the path of a role's seed, under `perdure up`."""
    from perdure.bus.permissions import ROLES
    from perdure.config.loader import load_settings
    from perdure.local.state import State

    if role not in ROLES:
        raise NotFound(f"There is no role {role}{nearest(role, ROLES)}")
    typer.echo(State(load_settings().state).seed(role))


@_nats.command("accounts", epilog="Example: perdure admin nats accounts > deploy/nats/accounts.conf")
def print_accounts(suite: _Suites = None) -> None:
    """Print the accounts and permissions as nats-server reads them.

    Suites that share one server have accounts of their own, with `--suite orders --suite claims`: no message goes from
    one to another.
    """
    from perdure.bus.accounts import KEY_VARIABLES, USER_INCLUDES, accounts_config, suites_config

    names = [_name(it) for it in suite or ()]
    typer.echo(_HEAD + (suites_config(names) if names else accounts_config(KEY_VARIABLES, USER_INCLUDES)), nl=False)


def _name(suite: str) -> str:
    if re.fullmatch(r"\w*", suite, re.ASCII) is None:
        raise WrongArgument(f"A suite's name has letters, digits and underscores only: not {suite}.")
    return suite


@_nats.command("provision")
def provision_streams() -> None:
    """Create or update streams, buckets and consumers, as operator."""
    run_command(_provision())
    console.print("All streams and buckets are there.")


async def _provision() -> None:
    from perdure.bus.jetstream.provision import provision
    from perdure.config.loader import load_settings

    async with open_bus() as bus:
        await provision(bus.js, "operator", load_settings().nats)
