"""The rules of CONTRIBUTING.md for the English of docstrings and comments, as far as a machine can."""

from __future__ import annotations

import ast
import re
import tokenize
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

WORDS_MAX: Final = 25
COLUMNS_MAX: Final = 100
_OPENS_BADLY: Final = re.compile(r"(?:What|Who|Whoever|Whether)\b")
_FIRST_OPENS_BADLY: Final = re.compile(r"(?:What|Who|Whoever|Whose|Whatever|Whether|How)\b")
_PHRASES: Final = re.compile(r"\b(?:told|of what|as it was)\b")
_PRAGMA: Final = re.compile(r"(?:noqa|type: ignore|pyright:|fmt:)[^#]*?(?= - |  #|$)(?: - )?")
_ONE: Final = r"(?:``.+?``|`.+?`)"
_CODE: Final = re.compile(rf"{_ONE}(?:, {_ONE})*", flags=re.DOTALL)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


class Prose(NamedTuple):
    """A docstring or a comment: the line it begins on, its text, and its source lines."""

    line: int
    text: str
    source: tuple[str, ...]


def faults(path: Path) -> list[str]:
    """Return the rules that a module's prose breaks, each with its line."""
    source = path.read_text()
    prose = [*docstrings(source), *comments(source)]
    return [f"{path.name}:{one.line}: {fault}" for one in sorted(prose) for fault in _faults(one)]


def _faults(prose: Prose) -> Iterator[str]:
    for at, sentence in enumerate(sentences(prose.text)):
        words = sum(1 for word in sentence.split() if re.search(r"\w", word))
        if words > WORDS_MAX:
            yield f"{words} words: {sentence}"
        if (_OPENS_BADLY if at else _FIRST_OPENS_BADLY).match(sentence):
            yield f"begins with {sentence.split()[0]}: {sentence}"
        if found := _PHRASES.search(sentence):
            yield f"says {found[0]!r}: {sentence}"
    for line in prose.source:
        if len(line) > COLUMNS_MAX:
            yield f"{len(line)} columns: {line.strip()}"


def sentences(text: str) -> list[str]:
    """Return the sentences of a text without its drawings and indented blocks.

    Code is one word, and so is a list of code.
    """
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.splitlines()
        if all(line.startswith("    ") for line in lines) or "├" in paragraph:
            continue
        joined = _CODE.sub("CODE", " ".join(line.strip() for line in lines))
        found += [one.lstrip("- ") for one in _SENTENCE_END.split(joined) if one]
    return found


def docstrings(source: str) -> Iterator[Prose]:
    """Return the docstrings of a module, its classes, functions and attributes."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for found in _texts(node.body):
                held = lines[found.lineno - 1 : found.end_lineno]
                text = ast.literal_eval(found.value)
                yield Prose(found.lineno, _dedented(text, found.col_offset), tuple(held))


def _texts(body: Iterable[ast.stmt]) -> Iterator[ast.Expr]:
    for statement in body:
        if (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        ):
            yield statement


def _dedented(text: str, columns: int) -> str:
    return "\n".join(line.removeprefix(" " * columns) for line in text.splitlines())


def comments(source: str) -> Iterator[Prose]:
    """Return the comments of a module: lines that follow each other are one, pragmas none."""
    lines = iter(source.splitlines(keepends=True))
    run: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(lambda: next(lines, "")):
        if token.type != tokenize.COMMENT:
            continue
        if run and not (_is_alone(token) and _is_alone(run[-1]) and _follows(run[-1], token)):
            yield _comment(run)
            run = []
        run.append(token)
    if run:
        yield _comment(run)


def _comment(run: list[tokenize.TokenInfo]) -> Prose:
    text = " ".join(_PRAGMA.sub("", one.string.lstrip("# ")) for one in run)
    has_pragma = any(_PRAGMA.search(one.string) for one in run)
    held = () if has_pragma else tuple(one.line.rstrip("\n") for one in run)
    return Prose(run[0].start[0], text.lstrip("# "), held)


def _is_alone(token: tokenize.TokenInfo) -> bool:
    return token.line.lstrip().startswith("#")


def _follows(one: tokenize.TokenInfo, other: tokenize.TokenInfo) -> bool:
    return other.start[0] == one.start[0] + 1
