"""Random accounts of what was learned, for properties that are held to every ranker."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.learning import Account

ACCOUNT_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *["remember"] * 4,
                *["open", "branch", "branch", "join", "forget", "link"],
                *["retract", "supersede", "supersede"],
            ]
        ),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    max_size=40,
)
_TEXTS = ("The gauge drifts", "Delta Bay floods", "A gauge in Delta Bay", "Screws rust")


def account_of(steps: list[tuple[str, int, int]]) -> Account:
    """Return the history that `steps` describe, in two namespaces."""
    account = Account()
    account.open()
    for step, one, other in steps:
        sessions, insights = list(account.lines), list(account.insights)
        where = sessions[one % len(sessions)]
        if step == "open":
            account.open("other" if one % 3 == 0 else "default")
        elif step == "branch":
            opened = account.lines[where].opened
            account.branch(where, forked_at=opened + other % (account.position - opened + 1))
        elif step == "remember":
            account.remember(where, _TEXTS[other % 4], entities=("Delta Bay",) * (other % 2))
        elif step == "join":
            account.join(where)
        elif insights:
            _end(account, step, insights[one % len(insights)], insights[other % len(insights)])
    return account


def _end(account: Account, step: str, one: str, other: str) -> None:
    namespace = account.insights[one].namespace
    where = _session_of(account, namespace, int(other[-4:], 16) * 7 + account.position)
    if step == "retract":
        account.retract(one, session_id=where)
    elif step == "forget":
        account.forget(one)
    elif one != other and namespace == account.insights[other].namespace:
        if step == "supersede":
            account.supersede(one, other, session_id=where)
        else:
            account.associate(one, other)


def _session_of(account: Account, namespace: str, number: int) -> str:
    """Return any session of a namespace: whoever sees an insight may end it, and others too."""
    found = [each for each, line in account.lines.items() if line.namespace == namespace]
    return found[number % len(found)]
