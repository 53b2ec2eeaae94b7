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
_TEXTS: Final = {
    quote: re.compile(rf"(?P<string>(?:\\.|[^{quote}\\{{])+)|(?P<sign>.)", re.DOTALL)
    for quote in "'\""
}
"""The tokens in the text of an interpolated string, by its quote: a brace begins code."""
_CLOSES: Final = {"'": "'", '"': '"', "{": "}"}
_OPENERS: Final = {"'": "a string", '"': "a string", "`": "a quoted name"}
_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)(\\u+([0-9a-fA-F]{4}))")
"""An escape, with the pairs of backslashes before it: one behind half a pair is none."""
_ENDS: Final = frozenset("'\"`\\")
"""The characters that end a string or a name, or keep one from its end."""
_TEXT_ENDS: Final = _ENDS | frozenset("{}")
_COMMENT_ENDS: Final = frozenset("*/\n\r")
"""Those that end a comment; Neo4j takes no other character for a line's end."""


def tokens(text: str) -> list[Token]:
    r"""Return the tokens of `text` without spaces and comments.

    Neo4j resolves each \uXXXX before it reads anything else. So none may stand where the text
    would then fall into other tokens. In an interpolated string, as Cypher 25 has them (s'{a}'),
    what stands in braces is code. Raises CypherInvalid for such an escape, and for a string, a
    quoted name or a comment that does not end.
    """
    found: list[Token] = []
    around: list[tuple[str, int]] = []
    at = 0
    while at < len(text):
        within = around[-1][0] if around else ""
        kind, piece = _next(text, at, within)
        start, at = at, at + len(piece)
        if kind in {"space", "comment"}:
            continue
        if kind == "sign" and piece == _CLOSES.get(within):
            around.pop()
        elif kind == "sign" and piece == "{":
            around.append((piece, start))
        elif kind == "sign":
            _check_sign(piece, text, start)
        name = _unescaped(piece[1:-1].replace("``", "`")) if kind == "quoted" else piece
        found.append(Token(cast("Kind", kind), name, start))
        if kind == "word" and piece in {"s", "S"} and text[at : at + 1] in _TEXTS:
            around.append((text[at], at))
            at += 1
    for opener, start in around:
        if opener in _TEXTS:
            raise _unended(opener, start)
    return found


def _next(text: str, at: int, within: str) -> tuple[str, str]:
    """Return the kind and the text of the token at a place. Raises CypherInvalid."""
    match = _TEXTS.get(within, _TOKEN).match(text, at)
    assert match is not None  # noqa: S101 - each character is a sign, if nothing else.
    kind, piece = str(match.lastgroup), match[0]
    ends = _TEXT_ENDS if within in _TEXTS else _ENDS
    _check_escapes(piece, _COMMENT_ENDS if kind == "comment" else ends)
    return kind, piece


def parameters_in(text: str) -> set[str]:
    """Return the names of the parameters that a query takes.

    Raises CypherInvalid where they cannot be found out.
    """
    found = [token.text[1:] for token in tokens(text) if token.kind == "parameter"]
    return {_unescaped(name).strip("`") for name in found}


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: match[1] + chr(int(match[3], 16)), text)


def _check_escapes(token: str, ends: frozenset[str]) -> None:
    """Refuse an escape that ends what it stands in, for a reader that resolves it first."""
    for escape in _ESCAPE.finditer(token):
        character = chr(int(escape[3], 16))
        if character in ends:
            raise CypherInvalid(f"the escape {escape[2]} does not stand here: write {character!r}")


def _check_sign(sign: str, text: str, start: int) -> None:
    if sign in _OPENERS:
        raise _unended(sign, start)
    if text.startswith("/*", start):
        raise CypherInvalid(f"a comment that begins at character {start + 1} does not end")


def _unended(opener: str, start: int) -> CypherInvalid:
    return CypherInvalid(f"{_OPENERS[opener]} that begins at character {start + 1} does not end")
