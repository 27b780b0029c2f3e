"""The permissions as nats-server reads them: three accounts, and what the house exports to those outside.

The house's account holds the streams. A door into it is a *service*: answers come back to the asker's account and to
nowhere else, whatever subject the asker names. What may be heard is a *stream*.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from perdure.bus.permissions import (
    ON_REQUEST,
    OUTSIDE_ACCOUNTS,
    ROLES,
    SERVICES_ACCOUNT,
    NatsPermissions,
    nats_permissions,
)

__all__ = ["ENVIRONMENT", "INCLUDED", "accounts", "key_variable"]

_NOTHING: Final = NatsPermissions((), (), ())
_MANY_ANSWERS: Final = (".MSG.NEXT.", ".DIRECT.GET.")


def key_variable(role: str) -> str:
    """Return the name of the variable that holds a role's public nkey, where nats-server reads it from there."""
    return f"PERDURE_NKEY_{role.upper()}"


ENVIRONMENT: Final = {role: f"${key_variable(role)}" for role in ROLES}
"""Instead of public keys: variables, which nats-server looks up in its environment."""

INCLUDED: Final = {role: f'include "{account.lower()}.conf"' for role, account in OUTSIDE_ACCOUNTS.items()}
"""Instead of the users outside: a file of the operator's, who has many of them."""


def accounts(keys: Mapping[str, str], users: Mapping[str, str] | None = None) -> str:
    """Return the accounts, as a part of a configuration of nats-server.

    Args:
        keys: The public nkey of each role.
        users: What stands instead of the users of a role that is outside; by default, the one of the key.
    """
    outside = {role: f"users: [{{nkey: {keys[role]}}}]" for role in OUTSIDE_ACCOUNTS} | dict(users or {})
    parts = [_house(keys), *(_outside(role, account, outside[role]) for role, account in OUTSIDE_ACCOUNTS.items())]
    return "accounts {\n" + "\n".join(parts) + "}\n"


def _house(keys: Mapping[str, str]) -> str:
    users = "".join(
        f"      {{\n        nkey: {keys[role]} # {role}\n        permissions {{\n"
        f"{_permissions(nats_permissions(role), 10)}        }}\n      }}\n"
        for role in ROLES
        if role not in OUTSIDE_ACCOUNTS
    )
    exports = "".join(
        f"      {{{_kind(subject, way)}, accounts: [{account}]}}\n"
        for role, account in OUTSIDE_ACCOUNTS.items()
        for way, subject in _passed(role)
    )
    return (
        f"  {SERVICES_ACCOUNT} {{\n    jetstream: enabled\n"
        f"    users: [\n{users}    ]\n    exports: [\n{exports}    ]\n  }}\n"
    )


def _outside(role: str, account: str, users: str) -> str:
    imports = "".join(
        f'      {{{way}: {{account: {SERVICES_ACCOUNT}, subject: "{subject}"}}}}\n' for way, subject in _passed(role)
    )
    return (
        f"  {account} {{\n    default_permissions {{\n{_permissions(nats_permissions(role), 6)}    }}\n"
        f"    {users}\n    imports: [\n{imports}    ]\n  }}\n"
    )


def _passed(role: str) -> Iterator[tuple[str, str]]:
    """Yield what passes between the house and an account outside, whoever there may use it."""
    ours, more = nats_permissions(role), ON_REQUEST.get(role, _NOTHING)
    yield from (("service", subject) for subject in (*ours.publish, *more.publish))
    heard = (*ours.subscribe, *more.subscribe)
    yield from (("stream", subject) for subject in heard if role != "publisher" or not subject.startswith("_INBOX"))


def _kind(subject: str, way: str) -> str:
    many = way == "service" and any(door in subject for door in _MANY_ANSWERS)
    return f'{way}: "{subject}"' + (", response_type: stream" if many else "")


def _permissions(granted: NatsPermissions, indent: int) -> str:
    publish = _list("allow", granted.publish, indent + 2)
    if granted.never:
        publish += _list("deny", granted.never, indent + 2)
    space = " " * indent
    return (
        f"{space}publish {{\n{publish}{space}}}\n"
        f"{space}subscribe {{\n{_list('allow', granted.subscribe, indent + 2)}{space}}}\n"
    )


def _list(name: str, subjects: Iterable[str], indent: int) -> str:
    space = " " * indent
    lines = "".join(f'{space}  "{subject}"\n' for subject in subjects)
    return f"{space}{name}: [\n{lines}{space}]\n"
