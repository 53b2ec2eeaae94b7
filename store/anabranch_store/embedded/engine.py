"""The embedded graph's engine: which build of ArcadeDB serves it, and how its host starts it.

`jvm` is the wheel `arcadedb-embedded`, which brings a Java runtime; `native` is the wheel
`arcadedb`, compiled ahead of time. Both speak Bolt and HTTP, and take the same settings.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from anabranch_store.embedded.class_archive import ClassArchive
from anabranch_store.errors import EmbeddedGraphMissing

if TYPE_CHECKING:
    from pathlib import Path

EngineName = Literal["jvm", "native"]

DEFAULT_ENGINE: Final = "jvm"
"""Why it is this one stands in docs/decisions.md, with figures."""

_HEAP: Final = "1g"
_COMMAND_TIMEOUT_S: Final = 300
_SETTINGS: Final = (
    # Set here they hold for every database from its first moment. An ALTER DATABASE of txWalFlush
    # would work only after the database was closed and opened again.
    "-Darcadedb.txWalFlush=2",
    # The last resort, for a digest of a large graph runs for minutes. We bound each call ourselves,
    # and end the queries that users left running.
    f"-Darcadedb.command.timeout={_COMMAND_TIMEOUT_S * 1000}",
    "-Darcadedb.opencypher.loadCsv.allowFileUrls=false",
    "-Darcadedb.opencypher.loadCsv.allowRemoteUrls=false",
    # Twice the cores at once is its own measure: users' queries would keep the projector waiting.
    "-Darcadedb.queryMaxConcurrent=64",
    # Past 16 MiB, its own measure, it drops the connection without a word.
    "-Darcadedb.bolt.maxMessageSize=67108864",
    # No language but Cypher is spoken here; looking for others costs a fifth of a second.
    "-Darcadedb.polyglotEngineEnabled=false",
)
_JVM_ARGS: Final = ("-XX:-UsePerfData", *_SETTINGS)
_BRIEF_JVM_ARGS: Final = ("-XX:TieredStopAtLevel=1",)


class Engine:
    """One build of ArcadeDB, as it serves the graph in one folder."""

    package: ClassVar[str]
    """The import name of its wheel."""
    extra: ClassVar[str]
    """The extra of ours that installs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def installed(cls) -> bool:
        """Tell whether its wheel is there."""
        try:
            return importlib.util.find_spec(cls.package) is not None
        except ValueError:  # It stands in sys.modules as missing.
            return False

    @classmethod
    def wheel(cls) -> str:
        """Return the name and version of its wheel, which must be installed."""
        distribution = cls.package.replace("_", "-")
        return f"{distribution} {version(distribution)}"

    @classmethod
    def require(cls) -> None:
        """Raise EmbeddedGraphMissing when its wheel is not installed."""
        if not cls.installed():
            raise EmbeddedGraphMissing(
                f"the embedded graph is not installed: it needs the package {cls.package}",
                fix=f"pip install 'anabranch[{cls.extra}]' (Linux with glibc, macOS on Apple "
                "silicon), or set NEO4J_URI to a Neo4j server",
            )

    def order(self, *, brief: bool) -> dict[str, Any]:
        """Return what the host starts it with: see `embedded_host`."""
        raise NotImplementedError

    def closed(self) -> None:
        """Do what is left to do once the host has ended."""


class JvmEngine(Engine):
    """ArcadeDB on the Java runtime of its wheel, with a class archive."""

    package = "arcadedb_embedded"
    extra = "embedded"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._archive = ClassArchive(folder)

    def order(self, *, brief: bool) -> dict[str, Any]:
        """Return the arguments of its JVM; a brief one compiles quickly rather than well."""
        jvm_args = (*_JVM_ARGS, *self._archive.jvm_args(), *(_BRIEF_JVM_ARGS if brief else ()))
        return {
            "package": self.package,
            "environment": {},
            "keywords": {"jvm_kwargs": {"heap_size": _HEAP, "jvm_args": jvm_args}},
        }

    def closed(self) -> None:
        """Begin to make the class archive where there is none yet."""
        self._archive.make()


class NativeEngine(Engine):
    """ArcadeDB as a library that was compiled ahead of time: it needs neither JVM nor archive."""

    package = "arcadedb"
    extra = "embedded-native"

    def order(self, *, brief: bool) -> dict[str, Any]:  # noqa: ARG002 - nothing is left to compile.
        """Return the environment from which its library takes heap, settings and log folder."""
        return {
            "package": self.package,
            "environment": {
                "ARCADEDB_LOG_DIR": str(self.folder / "log"),
                "ARCADEDB_NATIVE_ISOLATE_ARGS": " ".join((f"-Xmx{_HEAP}", *_SETTINGS)),
            },
            "keywords": {},
        }


ENGINES: Final[dict[EngineName, type[Engine]]] = {"jvm": JvmEngine, "native": NativeEngine}


def engine_of(name: EngineName, folder: Path) -> Engine:
    """Return the engine `name` for the graph in `folder`."""
    return ENGINES[name](folder)
