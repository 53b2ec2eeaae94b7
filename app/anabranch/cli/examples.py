"""One example of each command, by the words that call it: its help and the reference show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINES: Final = (
    "anabranch about Munich --as-of 40",
    "anabranch associations 25da4fe2 --spread 2",
    "anabranch associate 25da4fe2 9b1c77d0 --kind explains",
    "anabranch cite 25da4fe2 --outcome confirmed",
    "anabranch conflicts list --all",
    "anabranch conflicts resolve 41 --decision 'measured again: it is 800'",
    "anabranch conflicts show 41",
    "anabranch consolidate --dry-run",
    "anabranch context 'What do we know about staging?' --tokens 800",
    "anabranch cypher 'MATCH (s:Session {namespace: $namespace}) RETURN s.task LIMIT 5'",
    "anabranch dead-letters discard 41",
    "anabranch dead-letters list",
    "anabranch dead-letters retry --all",
    "anabranch dead-letters show 41",
    "anabranch demo --keep",
    "anabranch diff 2026-01-31 2026-02-28",
    "anabranch doctor",
    "anabranch down",
    "anabranch events append events.jsonl",
    "anabranch events check events.jsonl",
    "anabranch events export -o events.jsonl.zst",
    "anabranch events import events.jsonl.zst",
    "anabranch events schema anabranch.insight.recorded.v1",
    "anabranch events show 41",
    "anabranch events tail --after 40",
    "anabranch events verify events.jsonl.zst",
    "anabranch forget 25da4fe2 --receipt ticket-118",
    "anabranch forget --session 25da4fe2 --dry-run",
    "anabranch get 25da4fe2",
    "anabranch graph connect --json",
    "anabranch graph digest --as-of 40",
    "anabranch graph drop graph_56",
    "anabranch graph generations",
    "anabranch graph repair --dry-run",
    "anabranch graph use graph_56",
    "anabranch history 25da4fe2",
    "anabranch keys audit -n 100",
    "anabranch keys create planner --scope write --expires 30d",
    "anabranch keys list",
    "anabranch keys revoke 3fa85f645717",
    "anabranch keys rotate 3fa85f645717",
    "anabranch log verify",
    "anabranch mcp install claude",
    "anabranch mcp uninstall claude",
    "anabranch namespace create acme --sealed",
    "anabranch namespace delete trial --dry-run",
    "anabranch namespace list",
    "anabranch note 25da4fe2 budget 8700",
    "anabranch rebuild",
    "anabranch retention apply --dry-run",
    "anabranch retention set --keep 365d --keep observation=30d,10000",
    "anabranch retention show",
    "anabranch recall 'Which port has staging?' -k 3",
    "anabranch remember 'Staging listens on port 5433.' --tag infra",
    "anabranch remember-all < facts.txt",
    "anabranch replay --after 40",
    "anabranch retract 25da4fe2 --reason 'The port has moved.'",
    "anabranch roles",
    "anabranch serve --port 8765",
    "anabranch session branch 25da4fe2 --task 'Compare prices'",
    "anabranch session cancel 25da4fe2 --reason 'no longer needed'",
    "anabranch session claim 25da4fe2 'hotel booking' --ttl 60",
    "anabranch session close 25da4fe2",
    "anabranch session complete 25da4fe2 --result 'Two offers' --insight 'Arrow is cheapest.'",
    "anabranch session fail 25da4fe2 --error 'the supplier does not answer'",
    "anabranch session hand-off 25da4fe2 --summary 'Prices are in; book it.' --to booker",
    "anabranch session list --status open",
    "anabranch session open --task 'Plan the move'",
    "anabranch session renew 25da4fe2 'hotel booking' --token 41 --ttl 60",
    "anabranch session release 25da4fe2 'hotel booking' --token 41",
    "anabranch session show 25da4fe2",
    "anabranch session tree 25da4fe2",
    "anabranch session watch 25da4fe2 --json",
    "anabranch sessions export 25da4fe2 --to markdown -o handoff.md",
    "anabranch sessions found",
    "anabranch sessions import claude-code --since 2026-01-31",
    "anabranch sessions watch",
    "anabranch settings",
    "anabranch sever 25da4fe2 9b1c77d0 --kind explains",
    "anabranch snapshot restore log.snapshot",
    "anabranch snapshot take log.snapshot",
    "anabranch stats --by role",
    "anabranch status",
    "anabranch tasks cancel 25da4fe2",
    "anabranch tasks list",
    "anabranch tasks retry 25da4fe2",
    "anabranch tasks show 25da4fe2",
    "anabranch think 'Should we move the database on Sunday?' -n 5",
    "anabranch think 'What is left to do?' -n 3 -x openai://gpt-5-mini",
    "anabranch top --once",
    "anabranch up --detach",
    "anabranch update 25da4fe2 'Staging listens on port 5434.'",
    "anabranch worker --slots 8 --executors recalling",
    "anabranch workers drain --all",
    "anabranch workers list",
)


def _command_of(line: str) -> str:
    """Return the words that call the command: two, or three where the first is a group."""
    words = line.split(" ")
    return " ".join(words[: 3 if words[1] in _GROUPS else 2])


_GROUPS: Final = frozenset(
    {
        *("conflicts", "dead-letters", "events", "graph", "keys", "log", "mcp"),
        *("namespace", "retention", "session", "sessions", "snapshot"),
        *("tasks", "workers"),
    }
)
EXAMPLES: Final[Mapping[str, str]] = {_command_of(line): line for line in _LINES}
"""The example of each command."""
