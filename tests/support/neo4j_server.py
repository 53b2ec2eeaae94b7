"""A real Neo4j Community without Docker, assembled from Maven Central.

`python -m tests.support.neo4j_server [--version 5.26.31]` starts one by hand, prints what to
export, and ends it on Ctrl-C.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Self

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from tests.support.ports import free_port

LONG_TERM: Final = "5.26.31"
CALENDAR: Final = "2026.09.0"
_START_TIMEOUT_S: Final = 120.0
_MAVEN_TIMEOUT_S: Final = 600.0
_HASHINGS: Final = 1024

_POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>anabranch</groupId><artifactId>neo4j-server</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""

_SETTINGS: Final = """
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
server.memory.pagecache.size=64m
dbms.usage_report.enabled=false
dbms.cypher.min_replan_interval=1h
dbms.security.allow_csv_import_from_file_urls=false
"""

# Tests are short: what the better compiler makes quicker would not make up for its work.
_SHORT_LIVED: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LONG_LIVED: Final = ("-Xmx2g",)
_JVM_ARGS: Final = (
    "-XX:-UsePerfData",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-modules=jdk.incubator.vector",
)

# The server ends when its owner does, however its owner ends: its input is the owner's pipe. It
# ends the hard way, for its folder goes with it.
_UNTIL_INPUT_ENDS: Final = '"$@" </dev/null & pid=$!; cat >/dev/null; kill -9 "$pid"; wait "$pid"'


class CannotAssemble(Exception):
    """This machine lacks what a server is made from; the text says what."""


class Neo4jServer:
    """A server of `version` over a folder of its own, on a free port of 127.0.0.1.

    One that is `long_lived`, as a user's is, has its usual compilers and more memory, and starts
    more slowly.
    """

    def __init__(self, version: str = LONG_TERM, *, long_lived: bool = False) -> None:
        self._version = version
        self._jvm_args = (*(_LONG_LIVED if long_lived else _SHORT_LIVED), *_JVM_ARGS)
        self._process: subprocess.Popen[bytes] | None = None
        self._home: Path | None = None
        self.uri = ""
        self.username = "neo4j"
        self.password = secrets.token_urlsafe(24)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(30)
        self._process = None
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def restart(self) -> None:
        """Kill the server, and start it again on its folder and its port."""
        assert self._process is not None
        assert self._home is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._launch(self._home)

    def _start(self) -> None:
        home = self._home = Path(tempfile.mkdtemp(prefix="anabranch-neo4j-"))
        port = free_port()
        (home / "conf").mkdir()
        (home / "conf" / "neo4j.conf").write_text(_SETTINGS.format(port=port), encoding="utf-8")
        (home / "logs").mkdir()
        self._set_password(home)
        self.uri = f"bolt://127.0.0.1:{port}"
        self._launch(home)

    def _launch(self, home: Path) -> None:
        java, jars = java_for(self._version), assembled(self._version)
        main = "CommunityEntryPoint" if self._version.startswith("5.") else "Neo4jCommunity"
        command = [java, *self._jvm_args, "-cp", f"{jars}/*", f"org.neo4j.server.{main}"]
        command += [f"--home-dir={home}", f"--config-dir={home / 'conf'}"]
        with (home / "logs" / "console.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _UNTIL_INPUT_ENDS, "sh", *command],
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_ready(home / "logs" / "console.log")

    def _set_password(self, home: Path) -> None:
        """Write what `neo4j-admin dbms set-initial-password` writes, without a JVM of its own."""
        salt = secrets.token_bytes(32)
        hashed = hashlib.sha256(salt + self.password.encode()).digest()
        for _ in range(_HASHINGS - 1):
            hashed = hashlib.sha256(hashed).digest()
        folder = home / "data" / "dbms"
        folder.mkdir(parents=True)
        line = f"{self.username}:SHA-256,{hashed.hex()},{salt.hex()},{_HASHINGS}:\n"
        (folder / "auth.ini").write_text(line, encoding="ascii")

    def _wait_ready(self, log: Path) -> None:
        until = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < until:
            try:
                with neo4j.GraphDatabase.driver(
                    self.uri, auth=(self.username, self.password), connection_timeout=5
                ) as driver:
                    driver.verify_connectivity()
            except (DriverError, Neo4jError, OSError):
                time.sleep(0.2)
            else:
                return
        said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"Neo4j {self._version} did not start: {said}")


def assembled(version: str) -> Path:
    """Return the folder of the server's jars, fetched the first time into the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    folder = cache / "anabranch" / "neo4j" / version
    jars = folder / "lib"
    if (folder / "complete").exists():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotAssemble("Maven (mvn) is not on PATH")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two test processes may need it at the same time.
        if not (folder / "complete").exists():
            _fetch(maven, version, folder=folder, jars=jars)
    return jars


def _fetch(maven: str, version: str, *, folder: Path, jars: Path) -> None:
    (folder / "pom.xml").write_text(_POM.format(version=version), encoding="utf-8")
    try:
        subprocess.run(
            [
                *(maven, "--quiet", "--batch-mode", "dependency:copy-dependencies"),
                *(f"-DoutputDirectory={jars}", "-DincludeScope=runtime"),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=_MAVEN_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        said = error.stdout.decode(errors="replace").strip()[-500:]
        raise CannotAssemble(f"Maven could not fetch Neo4j {version}: {said}") from error
    (folder / "complete").touch()


def java_for(version: str) -> str:
    """Return a java that runs Neo4j `version`: 17 or 21 for 5.26, 21 or newer for a calendar one.

    Raises CannotAssemble naming what was found instead.
    """
    long_term = version.startswith("5.")
    found: dict[str, int] = {}
    for java in _javas():
        feature = found[java] = _feature(java)
        if feature in {17, 21} if long_term else feature >= 21:
            return java
    wanted = "17 or 21" if long_term else "21 or newer"
    raise CannotAssemble(f"Neo4j {version} needs a JDK {wanted}; found {found or 'none'}")


def _javas() -> list[str]:
    homes = [Path(home) for home in [os.environ.get("JAVA_HOME")] if home]
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    homes += sorted(Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"))
    found = [str(home / "bin" / "java") for home in homes if (home / "bin" / "java").is_file()]
    on_path = shutil.which("java")
    return list(dict.fromkeys([*found, *([on_path] if on_path else [])]))


def _feature(java: str) -> int:
    """Return the Java feature release: 17 for 17.0.15, 8 for 1.8."""
    said = subprocess.run(
        [java, "-version"], check=False, capture_output=True, text=True, timeout=30
    ).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(version[1]) if version else 0


def main() -> int:
    """Start a server by hand and keep it until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default=LONG_TERM)
    version: str = parser.parse_args().version
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Neo4jServer(version, long_lived=True) as server:
            print(f"export NEO4J_URI={server.uri}")  # noqa: T201 - what this program is for.
            print(f"export NEO4J_USERNAME={server.username}")  # noqa: T201 - as above.
            print(f"export NEO4J_PASSWORD={server.password}", flush=True)  # noqa: T201 - as above.
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except CannotAssemble as error:
        print(f"no Neo4j here: {error}")  # noqa: T201 - as above.
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
