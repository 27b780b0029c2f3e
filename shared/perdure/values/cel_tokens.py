"""The tokens of a CEL expression: the `cel` package compiles and evaluates, but gives out no syntax tree."""

import re
from typing import Final

__all__ = ["all_tokens", "macro_variables", "tokens"]

# Source: the lexer of the CEL language definition, https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
_TOKEN: Final = re.compile(
    r"""
      (?P<skipped> \s+ | //[^\n]* )
    | (?P<string>
          [bB]?[rR] (?: \"{3}.*?\"{3} | '{3}.*?'{3} | \"[^\"\n]*\" | '[^'\n]*' )
        | [bB]? (?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3} )
        | [bB]? (?: \"(?:\\.|[^\"\\\n])*\" | '(?:\\.|[^'\\\n])*' )
      )
    | (?P<number> \d[\w.]* )
    | (?P<name> [A-Za-z_]\w* )
    | (?P<symbol> && | \|\| | . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_MACROS: Final = frozenset({"map", "filter", "all", "exists", "exists_one"})


def all_tokens(text: str) -> list[re.Match[str]]:
    """Return all tokens in order, white space and comments included; ``lastgroup`` is the kind of each."""
    return list(_TOKEN.finditer(text))


def tokens(text: str) -> list[re.Match[str]]:
    """Return the tokens in order, without white space and comments."""
    return [token for token in all_tokens(text) if token.lastgroup != "skipped"]


def macro_variables(text: str) -> set[str]:
    """Return the variables that macros of an expression define, such as ``x`` in ``data.items.exists(x, x > 1)``."""
    found = tokens(text)
    return {
        found[start + 3][0]
        for start in range(len(found) - 4)
        if found[start][0] == "."
        and found[start + 1][0] in _MACROS
        and found[start + 2][0] == "("
        and found[start + 3].lastgroup == "name"
        and found[start + 4][0] == ","
    }
