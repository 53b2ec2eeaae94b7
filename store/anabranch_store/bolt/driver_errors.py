"""The one seam where the driver's errors become ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from anabranch_store.bolt import driver as neo4j
from anabranch_store.errors import (
    AnabranchError,
    CommitUnknown,
    ConstraintBroken,
    CypherInvalid,
    GraphFull,
    GraphRefused,
    GraphUnavailable,
    QueryRefused,
    QueryTimedOut,
    SetupInvalid,
    TransactionUndone,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from anabranch_store.errors import Explain

_RETRY: Final = "try again; if it lasts, check that the graph's server runs and NEO4J_URI is right"


class LostWhileCommitting(Exception):
    """A connection ended between a commit and its answer; the cause gives the reason."""


@contextmanager
def driver_errors(uri: str, *, explain: Explain | None = None) -> Generator[None]:
    """Translate the driver's errors of this block into our tree, naming the server at `uri`.

    `explain` gets each error of a server that does not answer or refuses us, and returns the one
    to raise.
    """
    try:
        with _translated(uri):
            yield
    except (GraphUnavailable, GraphRefused) as error:
        found = error if explain is None else explain(error)
        if found is error:
            raise
        raise found from None


@contextmanager
def _translated(uri: str) -> Generator[None]:
    try:
        yield
    except AnabranchError:
        raise
    except LostWhileCommitting as error:
        raise CommitUnknown(f"the graph at {uri}: {error}", fix=_RETRY) from error
    except neo4j.Neo4jError as error:
        raise _server_error(error, uri=uri) from error
    except neo4j.ConfigurationError as error:
        raise SetupInvalid(
            f"{uri} is not an address the driver takes: {error}",
            fix="set NEO4J_URI to bolt://HOST:PORT or neo4j://HOST:PORT",
        ) from error
    except neo4j.DriverError as error:
        raise GraphUnavailable(f"the graph at {uri}: {error}", fix=_RETRY) from error
    except TimeoutError as error:
        raise GraphUnavailable(f"the graph at {uri} did not answer in time", fix=_RETRY) from error
    except OSError as error:
        raise GraphUnavailable(f"the graph at {uri} is not there: {error}", fix=_RETRY) from error


def _server_error(error: neo4j.Neo4jError, *, uri: str) -> AnabranchError:
    """Return the server's error as one of our tree, chosen by its code."""
    code = str(error.code or "")
    said = str(error.message or error)
    found: AnabranchError = GraphUnavailable(
        f"the graph at {uri} could not do it: {said} ({code})", fix=_RETRY
    )
    if "No space left on device" in said:  # Neither store has a code for it.
        found = GraphFull(f"the disk of the graph at {uri} is full", fix="free some space")
    elif code.endswith(".TransactionNotFound"):
        found = TransactionUndone(
            f"the graph at {uri} dropped a transaction ({code}); is its disk full?",
            fix="free some space if it is, else try again",
        )
    elif "TransactionTimedOut" in code or "Transaction.Terminated" in code:
        found = QueryTimedOut("the query ran longer than it may", fix="ask for less")
    elif isinstance(error, neo4j.ConstraintError):
        found = ConstraintBroken(
            f"a constraint of the graph at {uri} refuses it: {said} ({code})",
            fix="try again; if it lasts, drop the constraint if it is another program's: "
            "`anabranch doctor` may name it",
        )
    elif error.is_retryable() or code.endswith(".LockClientStopped"):
        # A leader that lost its place refuses writes like a replica: checked before permissions.
        found = TransactionUndone(f"the graph at {uri} undid it: {said} ({code})", fix=_RETRY)
    elif code.endswith((".Forbidden", ".AccessMode", ".ForbiddenOnReadOnlyDatabase")):
        found = QueryRefused(
            f"a write is refused: {said}",
            construct="a write",
            fix="a query only reads; memory changes by events",
        )
    elif isinstance(error, neo4j.AuthError) or ".Security." in code:
        found = GraphRefused(
            f"the graph at {uri} refused the user or the password",
            fix="check NEO4J_USERNAME and NEO4J_PASSWORD",
        )
    elif ".Database.DatabaseNotFound" in code:
        found = SetupInvalid(f"the graph at {uri}: {said}", fix="check NEO4J_DATABASE")
    elif code.startswith(("Neo.ClientError.Statement.", "Neo.ClientError.Procedure.")):
        found = CypherInvalid(said)
    return found
