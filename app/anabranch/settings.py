"""Every setting, read once from the environment: nothing else reads it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from anabranch.errors import SettingInvalid
from anabranch_events.event.complaint import input_invalid, is_empty, rule_of
from anabranch_events.event.identifiers import Name, OwnNamespace
from anabranch_events.transport.address import without_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic_core import ErrorDetails

_SCHEMES: Final = {
    "nats": re.compile(r"(nats|tls)://"),
    "neo4j": re.compile(r"(bolt|neo4j)(\+s|\+ssc)?://"),
    "http": re.compile(r"https?://"),
}
_CHAT_MODEL: Final = re.compile(r"(?:openai|anthropic)://[!-~]{1,200}")
_SAID: Final = {
    "nats": "must begin with nats:// or tls://",
    "neo4j": "must begin with bolt:// or neo4j://, or the same with +s or +ssc",
    "http": "must begin with http:// or https://",
}


def _address(kind: str) -> AfterValidator:
    """Return the check of an address. A refused one is not repeated: it may hold a password."""

    def checked(value: str) -> str:
        if not _SCHEMES[kind].match(value):
            raise ValueError(_SAID[kind])
        if kind == "neo4j" and "@" in value.partition("://")[2].partition("/")[0]:
            raise ValueError(
                "holds a user or a password: give them as NEO4J_USERNAME and NEO4J_PASSWORD"
            )
        return value

    return AfterValidator(checked)


def _chat_model(value: str) -> str:
    if not _CHAT_MODEL.fullmatch(value):
        raise ValueError("must be openai://MODEL or anthropic://MODEL")
    return value


_Seconds = Annotated[float, Field(gt=0, le=86_400)]
_Home = Annotated[Path, AfterValidator(lambda value: value.expanduser().absolute())]
_OfScheduler = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,99}$")]


class SettingView(BaseModel):
    """A setting in force: its variable, its value without secrets, and where that comes from."""

    model_config = ConfigDict(frozen=True)
    variable: str
    value: str | int | float | bool | None
    source: Literal["default", "environment", "file", "option"]


class Settings(BaseSettings):
    """Where the servers are, what they may take, and how long to wait for them."""

    model_config = SettingsConfigDict(
        env_prefix="ANABRANCH_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    nats_url: Annotated[str, _address("nats")] | None = Field(
        default=None,
        validation_alias="NATS_URL",
        repr=False,  # It may hold a password.
        description="The NATS server that holds the log; without it one runs over the home.",
    )
    nats_token: SecretStr | None = Field(
        default=None,
        validation_alias="NATS_TOKEN",
        description="The token for `NATS_URL`, where it wants one.",
    )
    nats_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="The port of the NATS server that runs over the home; 0 takes a free one.",
    )
    graph_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="The Bolt port of the embedded graph that runs over the home; 0 takes a free "
        "one, that of the last start where it can.",
    )
    neo4j_uri: Annotated[str, _address("neo4j")] | None = Field(
        default=None,
        validation_alias="NEO4J_URI",
        description="The Neo4j that holds the graph; without it an embedded one runs over "
        "the home.",
    )
    neo4j_username: str = Field(
        default="neo4j",
        validation_alias="NEO4J_USERNAME",
        description="The user for `NEO4J_URI`.",
    )
    neo4j_password: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="NEO4J_PASSWORD",
        description="The password for `NEO4J_URI`.",
    )
    neo4j_database: str | None = Field(
        default=None,
        validation_alias="NEO4J_DATABASE",
        description="The database at `NEO4J_URI`; without it the user's own.",
    )
    embedded_engine: Literal["jvm", "native"] = Field(
        default="jvm",
        description="Which build of ArcadeDB serves the embedded graph: `jvm`, with the Java "
        "runtime of its wheel, or `native`, without one (the extra `embedded-native`, a "
        "pre-release).",
    )
    home: _Home = Field(
        default=Path("~/.local/share/anabranch"),
        validate_default=True,
        description="The folder of the servers that Anabranch runs by itself.",
    )
    namespace: OwnNamespace = Field(
        default="default", description="The namespace where none is named."
    )
    agent: Name | None = Field(
        default=None, description="The agent that events are recorded for where none is named."
    )
    roles: _Home | None = Field(
        default=None,
        description="The file of the roles by which a task is thought about where none are named, "
        "instead of the presets; see docs/how-to/define-roles.md.",
    )
    hedge: Literal["none", "critical", "high", "normal", "low"] = Field(
        default="critical",
        description="Branches over workers that get a second copy when they are slower than 95 of "
        "100 of their kind: those of this priority, and more urgent ones. The first result counts.",
    )
    label_wait_s: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="Seconds for which a branch waits in the queue for a worker that has the labels "
        "it wants; then any worker takes it.",
    )
    durability: Literal["default", "strict"] = Field(
        default="default",
        description="`strict` makes every append survive a power loss, at a price in speed; "
        "`default` survives the end of any process.",
    )
    embedder: Literal["builtin", "folder", "endpoint", "none"] = Field(
        default="builtin",
        description="What makes vectors of texts: the `builtin` model (English, on this machine's "
        "CPU), a model of yours in a `folder`, an `endpoint` that speaks OpenAI's embeddings API, "
        "or `none`: recall then goes by words, entities and associations.",
    )
    embedder_folder: _Home | None = Field(
        default=None,
        description="The folder of a model exported to ONNX, with its `tokenizer.json`, as "
        "sentence-transformers and Optimum write it.",
    )
    embedder_text_prefix: str | None = Field(
        default=None,
        max_length=500,
        description="The words before each text, where a model wants some, such as `passage: `; "
        "without it those that the model's folder names.",
    )
    embedder_question_prefix: str | None = Field(
        default=None,
        max_length=500,
        description="The words before each question, such as `query: `; likewise.",
    )
    embedder_url: Annotated[str, _address("http")] | None = Field(
        default=None,
        description="The endpoint's address up to `/embeddings`, such as `http://localhost:11434/v1`.",
    )
    embedder_model: str | None = Field(
        default=None, min_length=1, description="The model to ask the endpoint for."
    )
    embedder_dimension: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="How many numbers a vector of that model has; a model's folder mostly says it itself.",
    )
    embedder_key: SecretStr | None = Field(
        default=None, description="The endpoint's key, where it wants one."
    )
    openai_url: str | None = Field(
        default=None,
        validation_alias="OPENAI_BASE_URL",
        repr=False,  # It may hold a key.
        description="Where the executor `openai://MODEL` finds its model, up to "
        "`/chat/completions`, such as `http://localhost:11434/v1`; without it OpenAI.",
    )
    openai_key: SecretStr | None = Field(
        default=None,
        validation_alias="OPENAI_API_KEY",
        description="The key for it, where it wants one.",
    )
    anthropic_url: str | None = Field(
        default=None,
        validation_alias="ANTHROPIC_BASE_URL",
        repr=False,  # It may hold a key.
        description="Where the executor `anthropic://MODEL` finds its model; without it Anthropic.",
    )
    anthropic_key: SecretStr | None = Field(
        default=None, validation_alias="ANTHROPIC_API_KEY", description="The key for it."
    )
    executor_key: SecretStr | None = Field(
        default=None,
        description="The bearer token for the services that executors call over HTTP.",
    )
    ranker: Literal["graph", "index"] | None = Field(
        default=None,
        description="What ranks insights: `index` goes by the recall index, which one process at a "
        "time follows over the home, and by the graph where that is not at hand; `graph` by the "
        "indexes of the graph alone. Without it `index`, or `graph` where both servers are "
        "elsewhere: their log may be long.",
    )
    evidence_prior: float = Field(
        default=0.0,
        ge=-1,
        le=0,
        description="The part of the score, in this process's recalls, of an insight that a "
        "standing consolidation cites; see docs/how-to/settle-memory.md. With 0 it stands where it "
        "stood before.",
    )
    github_url: Annotated[str, _address("http")] = Field(
        default="https://api.github.com",
        description="The REST API at which the executor `github-actions://` runs workflows; that of "
        "a GitHub Enterprise Server ends with `/api/v3`.",
    )
    github_token: SecretStr | None = Field(
        default=None,
        description="The token for it, with the permission to read and write Actions.",
    )
    secrets_file: _Home | None = Field(
        default=None,
        description="A file with further settings, `NAME=value` a line, for tokens and passwords "
        "that shall stand in no environment. Nobody but its owner may read it (mode 600); what the "
        "environment sets goes before it. Workers that are jobs of a cluster get theirs by it.",
    )
    pool_queue: _OfScheduler | None = Field(
        default=None,
        description="The queue, or partition, of workers that are jobs; without it the site's own.",
    )
    pool_account: _OfScheduler | None = Field(
        default=None, description="The account or project that such jobs are charged to."
    )
    pool_time_limit_s: int = Field(
        default=3600,
        ge=120,
        le=30 * 86_400,
        description="How long such a job may run. Its worker drains before that, and is replaced.",
    )
    pool_cores: int = Field(default=1, ge=1, le=1024, description="The cores of such a job.")
    consolidate: bool = Field(
        default=False,
        description="Whether `anabranch up` settles memory by itself when it is quiet: it records "
        "what was said again, what changed, what contradicts, and what belongs together. "
        "`anabranch consolidate` does it by hand.",
    )
    synthesis_model: Annotated[str, AfterValidator(_chat_model)] | None = Field(
        default=None,
        description="The chat model that writes syntheses, `openai://MODEL` or `anthropic://MODEL`, "
        "at the addresses and with the keys of the executors; each of its sentences must be supported by what "
        "it cites. Without it the text is made of the insights themselves.",
    )
    synthesis_timeout_s: float = Field(
        default=30,
        gt=0,
        le=50,
        description="How long to wait for it, before the text is made of the insights after all.",
    )
    synthesis_tokens_max: int = Field(
        default=2000, ge=100, le=32_000, description="The tokens of its answer, at most."
    )
    http_executors: str = Field(
        default="recalling",
        description="The executors that thoughts over HTTP may ask for, by their names, with "
        "commas between: `recalling` asks memory, in the service's own process; any other runs "
        "on a worker that allows it.",
    )
    oidc_issuer: Annotated[str, _address("http")] | None = Field(
        default=None,
        description="The OpenID Connect issuer whose tokens `anabranch serve` takes beside API "
        "keys, as its discovery document names it.",
    )
    oidc_audience: str | None = Field(
        default=None, min_length=1, description="The audience that those tokens must be for."
    )
    oidc_scope_claim: str = Field(
        default="scope",
        min_length=1,
        description="The claim with `anabranch:read`, `anabranch:write` or `anabranch:admin`; a "
        "path such as `realm_access.roles` leads into objects.",
    )
    oidc_namespaces_claim: str = Field(
        default="anabranch_namespaces",
        min_length=1,
        description="The claim with the namespaces of a token; `*` is all of them.",
    )
    otel_traces_exporter: str | None = Field(
        default=None,
        validation_alias="OTEL_TRACES_EXPORTER",
        description="Where the traces of commands and thoughts are sent: `console`, or an exporter "
        "that is installed, such as `otlp`, which reads its own OTEL_ variables. Without it none "
        "are made.",
    )
    otlp_port: int = Field(
        default=4318,
        ge=0,
        le=65_535,
        description="Where `anabranch up --otlp` takes spans on 127.0.0.1; 0 takes a free port.",
    )
    otlp_wait_s: _Seconds = Field(
        default=30,
        description="How long `anabranch up --otlp` waits for spans that others of a trace hang "
        "on, after the last that came.",
    )
    take_over: bool = Field(
        default=True,
        description="Whether servers that others use go on in a process of their own when their "
        "owner leaves or was killed. `false` where no process may be left behind.",
    )
    start_timeout_s: _Seconds = Field(
        default=60, description="How long to wait for servers that start."
    )
    close_timeout_s: _Seconds = Field(
        default=10,
        description="How long an owner that `anabranch down` ends waits for those who joined it to "
        "leave; any owner, where none may take over.",
    )
    request_timeout_s: _Seconds = Field(
        default=10, description="How long to wait for one answer of a server."
    )
    wait_timeout_s: _Seconds = Field(
        default=30, description="How long a read waits for the graph to reach a position."
    )
    query_timeout_s: _Seconds = Field(default=10, description="How long a Cypher query may run.")
    query_rows_max: int = Field(
        default=10_000, ge=1, description="How many rows a Cypher query may return."
    )
    query_bytes_max: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="How many bytes a Cypher query may return."
    )

    @classmethod
    def read(cls) -> Self:
        """Read the environment, and the file of secrets that it may name.

        Raises SettingInvalid naming the variable that breaks a rule.
        """
        try:
            found = cls()
            if found.secrets_file is None:
                return found
            _check_secrets(found.secrets_file)
            # An option of pydantic-settings, which its type does not show.
            options: dict[str, Any] = {"_env_file": found.secrets_file}
            return cls(**options)
        except ValidationError as error:
            raise _setting_invalid(error) from error

    @property
    def trace_exporters(self) -> tuple[str, ...]:
        """The exporters that traces are sent to; none where they are off."""
        named = (one.strip() for one in (self.otel_traces_exporter or "").split(","))
        return tuple(one for one in named if one not in {"", "none"})

    def changed(self, **values: object) -> Self:
        """Return these settings with `values` in place of some; None leaves a setting as it is.

        Raises InputInvalid naming the value that breaks a rule.
        """
        given = {name: value for name, value in values.items() if value is not None}
        try:
            return type(self).model_validate({**self._as_given(), **given})
        except ValidationError as error:
            raise input_invalid(error) from error

    def in_force(self, options: Collection[str] = ()) -> list[SettingView]:
        """Return each setting with its value and where it comes from; `options` were given by hand.

        A secret is `set` or nothing, and an address is without its password.
        """
        given = {name.upper() for name, value in os.environ.items() if value}
        in_file = self.in_secrets_file()
        return [
            SettingView(
                variable=variable(name),
                value=_shown(value),
                source="option"
                if name in options
                else "environment"
                if variable(name) in given
                else "file"
                if name in in_file
                else "default",
            )
            for name, value in self._as_given().items()
        ]

    def in_secrets_file(self) -> set[str]:
        """Return the names of the settings that the file of secrets gives."""
        if self.secrets_file is None:
            return set()
        found = DotEnvSettingsSource(type(self), env_file=self.secrets_file)()
        aliases = {variable(name): name for name in type(self).model_fields}
        return {aliases.get(name, name) for name, value in found.items() if value}

    def environment(self) -> dict[str, str]:
        """Return the variables from which `read` makes these settings again, secrets included."""
        return {variable(name): _written(value) for name, value in self._as_given().items()}

    def _as_given(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in type(self).model_fields}


def variable(name: str) -> str:
    """Return the environment variable that sets the field `name`."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"ANABRANCH_{name.upper()}"


def variables_set(environment: Mapping[str, str], *, options: Collection[str] = ()) -> list[str]:
    """Return our variables that are set, without those of settings given as `options`."""
    ours = (variable(name) for name in Settings.model_fields if name not in options)
    return [each for each in ours if environment.get(each)]


def _check_secrets(path: Path) -> None:
    """Raise SettingInvalid for a file that is none, or that others may read."""
    name = variable("secrets_file")
    try:
        mode = path.stat().st_mode
        path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(
            f"{name}: {path} cannot be read: {error}",
            field=name,
            fix="name a file that you may read",
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingInvalid(
            f"{name}: others may read or write {path} (mode {stat.S_IMODE(mode):o})",
            field=name,
            fix=f"chmod 600 {path}",
        )


def _shown(value: object) -> str | int | float | bool | None:
    """Return a value as people and machines may read it."""
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else None
    if isinstance(value, str):
        return without_secrets(value) if "://" in value else value
    return value if isinstance(value, bool | int | float) or value is None else str(value)


def _written(value: object) -> str:
    if value is None:
        return ""  # Read as if it were not set.
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _setting_invalid(error: ValidationError) -> SettingInvalid:
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])
    given = variable(name) if name in Settings.model_fields else name
    return SettingInvalid(
        f"{given}: {_problem(first)}", field=given, fix=f"correct {given}, or unset it"
    )


def _problem(found: ErrorDetails) -> str:
    """Return what is wrong with a value, in words; what was given is not repeated."""
    if is_empty(found):
        return "must not be empty"
    rule = rule_of(found)
    return f"must be {rule}" if rule else found["msg"].removeprefix("Value error, ")
