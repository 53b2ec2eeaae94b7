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
    def sign(self) -> str:
        """The token as a sign; empty for others, as for a name in backticks that looks like one."""
        return self.text if self.kind == "sign" else ""

    @property
    def is_name(self) -> bool:
        """True when the token can name something."""
        return self.kind in {"word", "quoted"}


_TOKEN: Final = re.compile(
    r"""
      (?P<space>   \s+ )
    | (?P<comment> //[^\n\r]* | /\*.*?\*/ )
    | (?P<string>  '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" )
    | (?P<quoted>  `(?:``|[^`])*` )
    | (?P<parameter> \$ (?: [^\W]\w* | `(?:``|[^`])*` ) )
    | (?P<number>  0[xo][0-9a-fA-F_]+ | (?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)? )
    | (?P<word>    [^\W\d]\w* )
    | (?P<sign>    \.\. | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENERS: Final = {"'": "a string", '"': "a string", "`": "a quoted name"}
_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)(\\u+([0-9a-fA-F]{4}))")
"""An escape, with the pairs of backslashes before it: one behind half a pair is none."""
_ENDS: Final = frozenset("'\"`\\")
"""The characters that end a string or a name, or keep one from its end."""
_COMMENT_ENDS: Final = frozenset("*/\n\r")
"""Those that end a comment; Neo4j takes no other character for a line's end."""


def tokens(text: str) -> list[Token]:
    r"""Return the tokens of `text` without spaces and comments.

    Neo4j resolves each \uXXXX before it reads anything else. So none may stand where the text
    would then fall into other tokens. Raises CypherInvalid for such a one, and for a string, a
    quoted name or a comment that does not end.
    """
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        token, start = match[0], match.start()
        _check_escapes(token, str(match.lastgroup))
        if match.lastgroup in {"space", "comment"}:
            continue
        kind = cast("Kind", match.lastgroup)
        if kind == "sign":
            _check_sign(token, text, start)
        if kind == "quoted":
            token = _unescaped(token[1:-1].replace("``", "`"))
        found.append(Token(kind, token, start))
    return found


def parameters_in(text: str) -> set[str]:
    """Return the names of the parameters that a query takes.

    Raises CypherInvalid where they cannot be found out.
    """
    found = [token.text[1:] for token in tokens(text) if token.kind == "parameter"]
    return {_unescaped(name).strip("`") for name in found}


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: match[1] + chr(int(match[3], 16)), text)


def _check_escapes(token: str, kind: str) -> None:
    """Refuse an escape that ends what it stands in, for a reader that resolves it first."""
    ends = _COMMENT_ENDS if kind == "comment" else _ENDS
    for escape in _ESCAPE.finditer(token):
        character = chr(int(escape[3], 16))
        if character in ends:
            raise CypherInvalid(f"the escape {escape[2]} does not stand here: write {character!r}")


def _check_sign(sign: str, text: str, start: int) -> None:
    if sign in _OPENERS:
        raise CypherInvalid(f"{_OPENERS[sign]} that begins at character {start + 1} does not end")
    if text.startswith("/*", start):
        raise CypherInvalid(f"a comment that begins at character {start + 1} does not end")
