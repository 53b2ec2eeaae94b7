"""The guard of users' queries: they read the graph, and nothing but the graph.

The server keeps a query from writing: Neo4j by the access mode, the embedded graph by a user that
may only read. This guard refuses the constructs that neither stops: LOAD CSV, administration, and
procedures and functions that reach out of the graph. It also names an obvious write. It never
guesses: a word counts as a keyword only where it can be nothing else. So a variable `load`, a
property `n.set` or a string that holds Cypher is nothing to it. A command counts wherever it
stands: in Cypher 25 it may follow another clause, or stand in a subquery or a branch.
"""

from __future__ import annotations

from typing import Final

from anabranch_store.cypher.lexer import Token, tokens
from anabranch_store.errors import CypherInvalid, QueryRefused

PROCEDURES: Final = frozenset(
    {
        "db.index.fulltext.listavailableanalyzers",
        "db.index.fulltext.querynodes",
        "db.index.fulltext.queryrelationships",
        "db.index.vector.querynodes",
        "db.index.vector.queryrelationships",
        "db.info",
        "db.labels",
        "db.ping",
        "db.propertykeys",
        "db.relationshiptypes",
        "db.schema.nodetypeproperties",
        "db.schema.reltypeproperties",
        "db.schema.visualization",
        "dbms.components",
    }
)
"""The procedures a query may call, in small letters; all of them read the graph or its schema."""

FUNCTION_NAMESPACES: Final = frozenset(
    {
        "coll",
        "date",
        "datetime",
        "duration",
        "localdatetime",
        "localtime",
        "point",
        "time",
        "vector",
    }
)
"""The namespaces of Cypher's own functions, such as that of vector.similarity.cosine."""

_STARTS: Final = frozenset(
    {"CALL", "FILTER", "FOR", "LET", "MATCH", "OPTIONAL", "RETURN", "UNWIND", "WHEN", "WITH"}
)
_WRITES: Final = frozenset(
    {"CREATE", "DELETE", "DETACH", "FOREACH", "INSERT", "MERGE", "REMOVE", "SET"}
)
_ADMINISTRATION: Final = frozenset(
    [
        "ALTER",
        "DEALLOCATE",
        "DENY",
        "DROP",
        "DRYRUN",
        "ENABLE",
        "GRANT",
        "REALLOCATE",
        "RENAME",
        "REVOKE",
        "SHOW",
        "START",
        "STOP",
        "TERMINATE",
    ]
)
_ADMINISTERED: Final = frozenset(
    {
        "ALIAS",
        "COMPOSITE",
        "CONSTRAINT",
        "DATABASE",
        "FULLTEXT",
        "INDEX",
        "LOOKUP",
        "POINT",
        "PRIVILEGE",
        "RANGE",
        "ROLE",
        "SERVER",
        "TEXT",
        "USER",
        "VECTOR",
    }
)
"""The words after CREATE, and after OR REPLACE, that make it a command to the server."""
_TRIMMED: Final = frozenset({"BOTH", "LEADING", "TRAILING"})
_SHOWN: Final = frozenset(
    [
        "ALL",
        "BTREE",
        "CONSTRAINT",
        "CONSTRAINTS",
        "EXIST",
        "EXISTENCE",
        "FULLTEXT",
        "INDEX",
        "INDEXES",
        "KEY",
        "LOOKUP",
        "NODE",
        "POINT",
        "PROPERTY",
        "RANGE",
        "REL",
        "RELATIONSHIP",
        "TEXT",
        "TYPE",
        "UNIQUE",
        "UNIQUENESS",
        "VECTOR",
    ]
)
_SHOWS: Final = frozenset({"CONSTRAINT", "CONSTRAINTS", "INDEX", "INDEXES"})
# One of these after a variable named `call` goes on with the query; no procedure has such a name.
_NO_PROCEDURES: Final = frozenset(
    [
        "AND",
        "AS",
        "ASC",
        "ASCENDING",
        "CALL",
        "CONTAINS",
        "DESC",
        "DESCENDING",
        "ELSE",
        "END",
        "ENDS",
        "EXCEPT",
        "FILTER",
        "FINISH",
        "FOR",
        "GROUP",
        "IN",
        "INTERSECT",
        "IS",
        "LET",
        "LIMIT",
        "MATCH",
        "NEXT",
        "NOT",
        "OFFSET",
        "OPTIONAL",
        "OR",
        "ORDER",
        "OTHERWISE",
        "RETURN",
        "SKIP",
        "STARTS",
        "THEN",
        "UNION",
        "UNWIND",
        "USE",
        "WHEN",
        "WHERE",
        "WITH",
        "XOR",
        "YIELD",
    ]
)
_GOES_ON: Final = _NO_PROCEDURES | _WRITES | {"LOAD", "ON", "SHOW", "TERMINATE", "USING"}
"""The words that may follow a variable, whatever its name: `show ORDER BY`, `start CREATE`."""
_CLAUSES: Final = (
    _STARTS
    | _WRITES
    | {"FINISH", "LIMIT", "LOAD", "NEXT", "NODETACH", "OFFSET", "ORDER", "SHOW", "SKIP"}
    | {"TERMINATE", "UNION", "USE"}
)
"""The words with which a clause begins, or what joins two queries."""
_READS_ONLY: Final = "a query only reads; memory changes by events: remember, complete, consolidate"


def checked_query(cypher: str) -> str:
    """Return `cypher` without its ending semicolons, if a server may get it as a user's query.

    Raises QueryRefused naming the forbidden construct, and CypherInvalid for text that is empty or
    is no Cypher at all.
    """
    found = tokens(cypher)
    _check(found)
    code = _without_ends(found)
    return cypher if len(code) == len(found) else cypher[: found[len(code)].start]


def _without_ends(found: list[Token]) -> list[Token]:
    """Return `found` without the semicolons that end it."""
    end = len(found)
    while end and found[end - 1] == Token("sign", ";", found[end - 1].start):
        end -= 1
    return found[:end]


def _check(found: list[Token]) -> None:
    found = _without_ends(found)
    start = _start(found)
    if start == len(found):
        raise CypherInvalid("the query is empty")
    _check_start(found, start)
    padded = [*found, *[Token("sign", "")] * 3]
    for at, token in enumerate(found):
        before = padded[at - 1] if at else Token("sign", "")
        if token.kind == "sign":
            _check_sign(token)
        elif token.is_name and before.sign != ".":
            _check_function(padded, at)
            if before.sign != ":" and not _is_trimmed(padded, at):
                _check_load_csv(token, padded[at + 1])
                _check_use(padded, at)
                _check_administration(padded, at)
                _check_procedure(padded, at)
                _check_write(token, padded[at + 1], padded[at + 2])


def _start(found: list[Token]) -> int:
    """Return where the statement begins, behind EXPLAIN, PROFILE and CYPHER's options."""
    at = 0
    while at < len(found) and found[at].word in {"CYPHER", "EXPLAIN", "PROFILE"}:
        options = found[at].word == "CYPHER"
        at += 1
        if options and at < len(found) and found[at].kind == "number":
            at += 1
        while options and at + 2 < len(found) and found[at + 1].sign == "=":
            at += 3
    return at


def _check_start(found: list[Token], start: int) -> None:
    token = found[start]
    if token.word in _STARTS | {"LOAD", "USE", "USING"} or token.sign in {"(", "{"}:
        return  # LOAD CSV and USE are named where they stand.
    if token.word == "SHOW":
        _check_show(found, start)
        return
    following = found[start + 1].word if start + 1 < len(found) else ""
    if token.word in _ADMINISTRATION | {"FINISH"} or following in _ADMINISTERED | {"OR"}:
        raise _refused(
            f"{token.word} {following}".strip(),
            why="it administers the server",
            fix="use the server's own tools for that",
        )
    if token.word in _WRITES:
        raise _refused(token.word, why="it writes", fix=_READS_ONLY)
    raise CypherInvalid(
        f"a query begins with MATCH, RETURN, WITH, UNWIND or CALL, not {token.text!r}"
    )


def _check_show(found: list[Token], start: int) -> None:
    """Let SHOW INDEXES and SHOW CONSTRAINTS through: they describe the graph, nothing else."""
    at = start + 1
    while at < len(found) and found[at].word in _SHOWN:
        if found[at].word in _SHOWS:
            return
        at += 1
    what = found[start + 1].text.upper() if start + 1 < len(found) else ""
    raise _refused(
        f"SHOW {what}".strip(),
        why="it tells about the server",
        fix="SHOW INDEXES and SHOW CONSTRAINTS may be asked",
    )


def _check_sign(token: Token) -> None:
    if token.sign == ";":
        raise _refused("a second statement", why="a query is one", fix="send one at a time")
    if token.sign == "\\":
        raise CypherInvalid("a backslash stands only in a string")


def _check_load_csv(token: Token, after: Token) -> None:
    if token.word == "LOAD" and after.word == "CSV":
        raise _refused(
            "LOAD CSV",
            why="it reads files and other hosts",
            fix="pass the rows as a parameter: UNWIND $rows AS row",
        )


def _check_use(found: list[Token], at: int) -> None:
    """Refuse the clause USE. Its graph may stand in brackets, or have a keyword for its name."""
    token, after, then = found[at : at + 3]
    if token.word != "USE" or _is_alias(found, at):
        return
    keyword = after.is_name and (then.sign in {".", "{"} or then.word in _CLAUSES)
    if after.sign == "(" or _is_command(after) or keyword:
        raise _refused(
            f"USE {after.text}",
            why="it leaves the graph of this memory",
            fix="leave USE out: a query is of one graph; a variable `use` takes backticks",
        )


def _is_alias(found: list[Token], at: int) -> bool:
    """Tell whether a name is surely given by AS: what stands before that can be no keyword."""
    value = found[at - 2]
    ends = value.kind in {"number", "parameter", "quoted", "string"} or value.sign in {
        ")",
        "]",
        "}",
    }
    return at > 1 and found[at - 1].word == "AS" and ends


def _check_administration(found: list[Token], at: int) -> None:
    """Refuse a command to the server, wherever it stands; only the graph's schema is shown."""
    word, after = found[at].word, found[at + 1]
    if not (_makes(found, at) or (word in _ADMINISTRATION and _is_command(after))):
        return
    if word == "SHOW":
        _check_show(found, at)
        return
    raise _refused(
        f"{word} {after.text.upper()}",
        why="it administers the server",
        fix="use the server's own tools for that",
    )


def _makes(found: list[Token], at: int) -> bool:
    """Tell whether a word is the CREATE of a command; `create OR replace` is a condition."""
    if found[at].word != "CREATE":
        return False
    replaces = (found[at + 1].word, found[at + 2].word) == ("OR", "REPLACE")
    return found[at + 3 if replaces else at + 1].word in _ADMINISTERED


def _is_trimmed(found: list[Token], at: int) -> bool:
    """Tell whether a name is the character that `trim(BOTH character FROM text)` takes away."""
    left = at - (2 if found[at - 1].word in _TRIMMED else 1)
    return (found[left - 1].word, found[left].sign, found[at + 1].word) == ("TRIM", "(", "FROM")


def _is_command(after: Token) -> bool:
    """Tell by what comes after a word that it commands: two names never stand side by side."""
    return after.is_name and not (after.kind == "word" and after.word in _GOES_ON)


def _check_procedure(found: list[Token], at: int) -> None:
    if found[at].word != "CALL" or not found[at + 1].is_name:
        return
    name, _ = _dotted(found, at + 1)
    if name.upper() in _NO_PROCEDURES and found[at + 1].kind == "word":
        return
    if name.lower() not in PROCEDURES:
        raise _refused(
            f"CALL {name}",
            why="the procedure is not on the list of those that only read the graph",
            fix="call one of: " + ", ".join(sorted(PROCEDURES)),
        )


def _check_function(found: list[Token], at: int) -> None:
    """Refuse a function with a namespace that is not Cypher's own: plug-ins can reach anywhere."""
    if found[at - 1].word == "CALL" and at:
        return
    name, end = _dotted(found, at)
    namespace, dot, _ = name.partition(".")
    if dot and found[end].sign == "(" and namespace.lower() not in FUNCTION_NAMESPACES:
        raise _refused(
            f"{name}()",
            why="the function is not one of Cypher's own",
            fix="use Cypher's own functions",
        )


def _check_write(token: Token, after: Token, then: Token) -> None:
    """Name a write that can be nothing else; the server refuses the rest."""
    word = token.word
    certain = (
        (word in {"CREATE", "INSERT", "MERGE", "FOREACH"} and after.sign == "(")
        or (word == "DETACH" and after.word == "DELETE")
        or (word == "SET" and _is_command(after) and then.sign in {".", ":", "=", "+", "["})
        or (word == "REMOVE" and _is_command(after) and then.sign in {".", ":"})
    )
    if certain:
        raise _refused(word, why="it writes", fix=_READS_ONLY)


def _dotted(found: list[Token], at: int) -> tuple[str, int]:
    """Return the name that begins at `at`, as `a.b.c`, and the index behind it."""
    parts = [found[at].text]
    at += 1
    while found[at].sign == "." and found[at + 1].is_name:
        parts.append(found[at + 1].text)
        at += 2
    return ".".join(parts), at


def _refused(construct: str, *, why: str, fix: str) -> QueryRefused:
    return QueryRefused(f"{construct} is refused: {why}", construct=construct, fix=fix)
