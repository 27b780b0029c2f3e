"""Writes the roles' permissions as the ``accounts`` section of a nats-server configuration.

The services' account holds the streams and exports subjects to the client accounts. What a client may publish to is
exported as a *service*: the reply goes to the requester's account only, whatever reply subject the request names. What
a client may subscribe to is exported as a *stream*.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from perdure.bus.permissions import (
    CLIENT_ACCOUNTS,
    OPTIONAL_PERMISSIONS,
    ROLES,
    SERVICES_ACCOUNT,
    NatsPermissions,
    nats_permissions,
)

__all__ = ["KEY_VARIABLES", "USER_INCLUDES", "accounts_config", "key_variable", "suites_config"]

_NO_PERMISSIONS: Final = NatsPermissions((), (), ())
_MULTIPLE_REPLIES: Final = (".MSG.NEXT.", ".DIRECT.GET.")  # in API subjects whose requests get a stream of replies


def key_variable(role: str, suite: str = "") -> str:
    """Return the name of the environment variable from which nats-server reads a role's public nkey.

    Args:
        role: The role.
        suite: The name of one of several suites on a server.
    """
    return f"PERDURE_NKEY_{suite.upper()}{'_' if suite else ''}{role.upper()}"


KEY_VARIABLES: Final = {role: f"${key_variable(role)}" for role in ROLES}
"""References to environment variables, by role, to write in place of public nkeys."""

USER_INCLUDES: Final = {role: f'include "{account.lower()}.conf"' for role, account in CLIENT_ACCOUNTS.items()}
"""Include statements, by client role: the operator lists the users of a client account in a file of its own."""


def accounts_config(keys: Mapping[str, str], users: Mapping[str, str] | None = None) -> str:
    """Return the ``accounts`` section of a nats-server configuration.

    Args:
        keys: The public nkey of each role.
        users: What to write as the users of a client account, by role; by default one user with the role's nkey.
    """
    return _accounts(_suite_accounts(keys, users or {}, ""))


def suites_config(suites: Sequence[str]) -> str:
    """Return the ``accounts`` section of a server that several suites share: no message goes from one to another.

    Each suite has its own accounts, such as ``ORDERS_PERDURE``, and variables, such as ``PERDURE_NKEY_ORDERS_INGEST``.

    Args:
        suites: Their names, of letters, digits and underscores.
    """
    keys = {suite: {role: f"${key_variable(role, suite)}" for role in ROLES} for suite in suites}
    return _accounts(it for suite in suites for it in _suite_accounts(keys[suite], {}, f"{suite.upper()}_"))


def _accounts(parts: Iterable[str]) -> str:
    return "accounts {\n" + "\n".join(parts) + "}\n"


def _suite_accounts(keys: Mapping[str, str], users: Mapping[str, str], prefix: str) -> Iterator[str]:
    client_users = {role: f"users: [{{nkey: {keys[role]}}}]" for role in CLIENT_ACCOUNTS} | dict(users)
    yield _services_account(keys, prefix)
    for role, account in CLIENT_ACCOUNTS.items():
        yield _client_account(role, account, client_users[role], prefix)


def _services_account(keys: Mapping[str, str], prefix: str) -> str:
    users = "".join(
        f"      {{\n        nkey: {keys[role]} # {role}\n        permissions {{\n"
        f"{_permissions(nats_permissions(role), 10)}        }}\n      }}\n"
        for role in ROLES
        if role not in CLIENT_ACCOUNTS
    )
    exports = "".join(
        f"      {{{_export(kind, subject)}, accounts: [{prefix}{account}]}}\n"
        for role, account in CLIENT_ACCOUNTS.items()
        for kind, subject in _shared_subjects(role)
    )
    return (
        f"  {prefix}{SERVICES_ACCOUNT} {{\n    jetstream: enabled\n"
        f"    users: [\n{users}    ]\n    exports: [\n{exports}    ]\n  }}\n"
    )


def _client_account(role: str, account: str, users: str, prefix: str) -> str:
    imports = "".join(
        f'      {{{kind}: {{account: {prefix}{SERVICES_ACCOUNT}, subject: "{subject}"}}}}\n'
        for kind, subject in _shared_subjects(role)
    )
    return (
        f"  {prefix}{account} {{\n    default_permissions {{\n{_permissions(nats_permissions(role), 6)}    }}\n"
        f"    {users}\n    imports: [\n{imports}    ]\n  }}\n"
    )


def _shared_subjects(role: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and subject of what the services' account exports and the account of a client role imports."""
    granted, optional = nats_permissions(role), OPTIONAL_PERMISSIONS.get(role, _NO_PERMISSIONS)
    yield from (("service", subject) for subject in (*granted.publish_allow, *optional.publish_allow))
    subscribed = (*granted.subscribe_allow, *optional.subscribe_allow)
    yield from (("stream", it) for it in subscribed if role != "publisher" or not it.startswith("_INBOX"))


def _export(kind: str, subject: str) -> str:
    multiple = kind == "service" and any(part in subject for part in _MULTIPLE_REPLIES)
    return f'{kind}: "{subject}"' + (", response_type: stream" if multiple else "")


def _permissions(granted: NatsPermissions, indent: int) -> str:
    publish = _list("allow", granted.publish_allow, indent + 2)
    if granted.publish_deny:
        publish += _list("deny", granted.publish_deny, indent + 2)
    space = " " * indent
    return (
        f"{space}publish {{\n{publish}{space}}}\n"
        f"{space}subscribe {{\n{_list('allow', granted.subscribe_allow, indent + 2)}{space}}}\n"
    )


def _list(name: str, subjects: Iterable[str], indent: int) -> str:
    space = " " * indent
    lines = "".join(f'{space}  "{subject}"\n' for subject in subjects)
    return f"{space}{name}: [\n{lines}{space}]\n"
