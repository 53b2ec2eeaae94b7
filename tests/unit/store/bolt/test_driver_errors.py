"""A server's words on a transaction, as an error of ours."""

from __future__ import annotations

import pytest
from neo4j.exceptions import Neo4jError

from anabranch_store.bolt.driver_errors import LostWhileCommitting, driver_errors
from anabranch_store.errors import (
    AnabranchError,
    CommitUnknown,
    ConstraintBroken,
    QueryTimedOut,
    TransactionUndone,
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Neo.TransientError.Transaction.DeadlockDetected", TransactionUndone),
        ("Neo.TransientError.Transaction.LockClientStopped", TransactionUndone),
        ("Neo.ClientError.Transaction.TransactionNotFound", TransactionUndone),
        ("Neo.ClientError.Cluster.NotALeader", TransactionUndone),
        ("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", TransactionUndone),
        ("Neo.ClientError.Schema.ConstraintValidationFailed", ConstraintBroken),
        ("Neo.TransientError.Transaction.Terminated", QueryTimedOut),
        ("Neo.ClientError.Transaction.TransactionTimedOut", QueryTimedOut),
    ],
)
def test_a_passing_reason_is_told_from_a_refusal(code: str, expected: type[AnabranchError]) -> None:
    """Deadlocks, other leaders, time-outs and endings are not the statement's fault."""
    said = Neo4jError._hydrate_neo4j(code=code, message="said")  # pyright: ignore[reportPrivateUsage]  As the driver makes it.

    with pytest.raises(AnabranchError) as raised, driver_errors("bolt://graph"):
        raise said

    assert type(raised.value) is expected


def test_what_a_constraint_refuses_is_undone_for_no_reason_that_passes() -> None:
    """It may be refused for good: whoever tries again until it passes does not take it for that."""
    assert not issubclass(ConstraintBroken, TransactionUndone)


def test_a_commit_without_an_answer_is_of_unknown_outcome() -> None:
    """The checkpoint has to say whether it holds."""
    with pytest.raises(CommitUnknown), driver_errors("bolt://graph"):
        raise LostWhileCommitting("gone")


def test_a_transaction_that_the_server_dropped_points_to_its_disk() -> None:
    """That is all a store says whose disk is full."""
    code = "Neo.ClientError.Transaction.TransactionNotFound"
    said = Neo4jError._hydrate_neo4j(code=code, message="Transaction error on commit")  # pyright: ignore[reportPrivateUsage]  As above.

    with pytest.raises(TransactionUndone) as raised, driver_errors("bolt://graph"):
        raise said

    assert str(raised.value) == (
        f"the graph at bolt://graph dropped a transaction ({code}); is its disk full?"
    )
    assert raised.value.fix == "free some space if it is, else try again"
