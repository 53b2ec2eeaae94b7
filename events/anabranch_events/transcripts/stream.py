"""The stream that holds transcripts: a subject for each, and its settings."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_events.errors import InputInvalid
from anabranch_events.event.identifiers import checked_namespace
from anabranch_events.jetstream.kept_stream import ensure

if TYPE_CHECKING:
    from anabranch_events.transport.connection import Connection

TRANSCRIPTS: Final = "ANABRANCH_TRANSCRIPTS"
SUBJECT_PREFIX: Final = "anabranch.transcripts."
SETTINGS: Final[dict[str, Any]] = {
    "subjects": [f"{SUBJECT_PREFIX}*.*.*.*"],
    "retention": "limits",
    "storage": "file",
    "compression": "s2",
    "discard": "new",
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "allow_direct": True,
    "allow_atomic": True,
    "deny_purge": False,
}
"""The settings that transcripts rely on. Replicas and sizes are the operator's choice."""
NAME_BYTES_MAX: Final = 512
_MAIN: Final = "0"  # No name has this form: four letters stand for three bytes.


class TranscriptKey(NamedTuple):
    """The name of a transcript: one part of a session, in a project, in a namespace.

    The main part of a session is "". Names are any text of 1 to 512 bytes.
    """

    namespace: str
    project: str
    session: str
    part: str = ""

    @property
    def subject(self) -> str:
        """The subject that holds it. Raises InputInvalid."""
        whole = subjects_of(self.namespace, project=self.project, session=self.session)
        return f"{whole.removesuffix('*')}{_token(self.part, field='part') if self.part else _MAIN}"


def subjects_of(namespace: str, *, project: str | None = None, session: str | None = None) -> str:
    """Return the pattern for all transcripts of a namespace, a project, or a session.

    Raises InputInvalid for a name that is none.
    """
    try:
        found = f"{SUBJECT_PREFIX}{checked_namespace(namespace)}."
    except ValueError as error:
        raise InputInvalid(
            f"namespace: {error}", field="namespace", fix="correct the namespace"
        ) from error
    found += f"{'*' if project is None else _token(project, field='project')}."
    return f"{found}{'*' if session is None else _token(session, field='session')}.*"


def key_of(subject: str) -> TranscriptKey:
    """Return the name of the transcript that a subject holds."""
    namespace, *tokens = subject.removeprefix(SUBJECT_PREFIX).split(".")
    project, session, part = ("" if token == _MAIN else _name(token) for token in tokens)
    return TranscriptKey(namespace, project, session, part)


def _token(name: str, *, field: str) -> str:
    try:
        data = name.encode()
    except UnicodeEncodeError:
        data = b""
    if not 0 < len(data) <= NAME_BYTES_MAX:
        raise InputInvalid(
            f"{field}: {name[:80]!r} is not the name of a {field}",
            field=field,
            fix=f"give 1 to {NAME_BYTES_MAX} bytes of text",
        )
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _name(token: str) -> str:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()


async def ensure_transcripts(connection: Connection) -> None:
    """Create the stream if it is not there. Raises StreamDrifted when it has other settings."""
    await ensure(connection, TRANSCRIPTS, SETTINGS)
