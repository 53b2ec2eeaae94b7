"""The lexer of Cypher: enough to tell code from strings, comments and names."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, cast

from anabranch_store.errors import CypherInvalid

Kind = Literal["word", "quoted", "string", "number", "parameter", "sign"]


class Token(NamedTuple):
    """One token at `start`; `text` of a quoted name is the name itself."""

    kind: Kind
    text: str
    start: int = 0

    @property
    def word(self) -> str:
        """The token as a keyword, in capitals; empty when it can be none."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def is_name(self) -> bool:
        """True when the token can name something."""
        return self.kind in {"word", "quoted"}


_TOKEN: Final = re.compile(
    r"""
      (?P<space>   \s+ | //[^\n\r]* | /\*.*?\*/ )
    | (?P<string>  '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" )
    | (?P<quoted>  `(?:``|[^`])*` )
    | (?P<parameter> \$ (?: [^\W]\w* | `(?:``|[^`])*` ) )
    | (?P<number>  0[xo][0-9a-fA-F_]+ | (?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)? )
    | (?P<word>    [^\W\d]\w* )
    | (?P<sign>    . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENERS: Final = {"'": "a string", '"': "a string", "`": "a quoted name"}
_ESCAPE: Final = re.compile(r"\\u+([0-9a-fA-F]{4})")


def tokens(text: str) -> list[Token]:
    """Return the tokens of `text` without spaces and comments.

    Raises CypherInvalid for a string, a quoted name or a comment that does not end.
    """
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, token, start = cast("Kind", match.lastgroup), match[0], match.start()
        if match.lastgroup == "space":
            continue
        if kind == "sign":
            _check_sign(token, text, start)
        if kind == "quoted":
            token = token[1:-1].replace("``", "`")
        found.append(Token(kind, token, start))
    return found


def unescaped(text: str) -> str:
    r"""Return `text` with each \uXXXX as its character.

    Neo4j 5 does so before it reads anything else: an escape can end a string or spell a keyword.
    """
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def parameters_in(text: str) -> set[str]:
    """Return the names of the parameters that a query takes.

    Raises CypherInvalid where they cannot be found out.
    """
    found = tokens(unescaped(text))
    return {token.text[1:].strip("`") for token in found if token.kind == "parameter"}


def _check_sign(sign: str, text: str, start: int) -> None:
    if sign in _OPENERS:
        raise CypherInvalid(f"{_OPENERS[sign]} that begins at character {start + 1} does not end")
    if text.startswith("/*", start):
        raise CypherInvalid(f"a comment that begins at character {start + 1} does not end")
