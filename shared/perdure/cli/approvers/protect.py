"""How a new private key is kept from other programs of its owner."""

import sys

import typer

from perdure.local.approver import ONE_PERSON
from perdure.values.protection import Protection

__all__ = ["choose_protection", "risk_of"]


def choose_protection(asked: Protection | None, *, proxy: bool) -> tuple[Protection, str | None]:
    """Return how to protect a new key, and the passphrase, if one is given at the terminal.

    Programs sign unattended, so that a proxy's key is encrypted only if the option says so.
    """
    if asked == "passphrase":
        return "passphrase", typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    if asked is not None or proxy or not (sys.stdin and sys.stdin.isatty()):
        return asked or "none", None
    passphrase = typer.prompt(
        "Passphrase (empty: none)", default="", show_default=False, hide_input=True, confirmation_prompt=True
    )
    return ("passphrase", passphrase) if passphrase else ("none", None)


def risk_of(name: str, protection: Protection) -> str | None:
    """Return what an unencrypted key means, in a sentence."""
    return ONE_PERSON.format(name) + " `--protect` encrypts a key." if protection == "none" else None
