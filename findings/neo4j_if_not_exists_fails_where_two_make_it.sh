#!/usr/bin/env bash
# Neo4j 5.26.31: of two that run `CREATE INDEX ... IF NOT EXISTS` at once, one fails: the index is there already.
#
# Programs make their schema at each start by IF NOT EXISTS, and several start together: replicas, workers of a web
# server, or one that sends all its statements side by side. One would guess that IF NOT EXISTS is for just that, and
# that the second finds the index there, as it does a moment later. In fact:
#
# 1. Of an index, whatever its kind, one of two fails with `EquivalentSchemaRuleAlreadyExists`: what was looked for
#    before the lock is not looked for again behind it. The code is a client's error, so no driver tries it again, also
#    not within `execute_write`.
# 2. Of a unique constraint one of two ends as a deadlock. That is tried again by `execute_write`, not by `session.run`.
# 3. MERGE of one node by as many, behind a constraint, never fails.
# 4. Run once more it succeeds, with nothing done.
#
# Neo4j 2026.09.0 does the same. graphiti-core 0.31.2, whose driver makes its indexes in the background while its caller
# makes them too, writes such an error into its log for most of its 30 indexes on a new database.
#
# So whoever makes a schema tries again on both errors, for a while.
#
# Needs Java 17 or 21, and Maven.
set -euo pipefail
for program in java mvn; do
  command -v "$program" >/dev/null || { echo "this needs $program"; exit 2; }
done
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -9 "$server"; wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "neo4j==6.4.1"
cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>trial</groupId><artifactId>server</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>5.26.31</version>
  </dependency></dependencies>
</project>
XML
mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime >maven.log 2>&1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p home/conf home/logs
cat >home/conf/neo4j.conf <<CONF
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:$port
server.http.enabled=false
server.https.enabled=false
server.memory.pagecache.size=64m
dbms.usage_report.enabled=false
dbms.security.auth_enabled=false
CONF
java -Xmx512m --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.io=ALL-UNNAMED \
  --add-opens=java.base/sun.nio.ch=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
  --add-modules=jdk.incubator.vector -cp "lib/*" org.neo4j.server.CommunityEntryPoint \
  "--home-dir=$work/home" "--config-dir=$work/home/conf" >console.log 2>&1 &
server=$!
cat >trial.py <<'PY'
import logging
import sys
import threading
import time

import neo4j

ROUNDS = 20
logging.getLogger("neo4j").setLevel(logging.CRITICAL)


def connected(port):
    for _ in range(600):
        driver = neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{port}", notifications_min_severity="OFF")
        try:
            driver.verify_connectivity()
            return driver
        except neo4j.exceptions.DriverError:
            driver.close()
            time.sleep(0.2)
    raise TimeoutError


def at_once(driver, run):
    """Call `run` by two threads at the same moment; return the end of each one's code, or "made"."""
    ends, together = [], threading.Barrier(2)

    def one():
        with driver.session() as session:
            session.run("RETURN 1").consume()
            together.wait()
            try:
                run(session)
                ends.append("made")
            except neo4j.exceptions.Neo4jError as error:
                ends.append(error.code.rpartition(".")[2])

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def main():
    driver = connected(int(sys.argv[1]))

    def trial(what, statement, drop, *, managed=False):
        def run(session):
            if managed:
                session.execute_write(lambda transaction: transaction.run(statement).consume())
            else:
                session.run(statement).consume()

        seen, again = set(), set()
        for _ in range(ROUNDS):
            seen.update(at_once(driver, run))
            with driver.session() as session:
                run(session)
                again.add("made")
                session.run(drop).consume()
        print(f"{what}: {', '.join(sorted(seen))}; once more: {', '.join(again)}")

    for managed in (False, True):
        how = "execute_write" if managed else "session.run"
        for kind, on in (
            ("INDEX", "(n.name)"),
            ("TEXT INDEX", "(n.name)"),
            ("FULLTEXT INDEX", "EACH [n.name]"),
        ):
            made = f"CREATE {kind} ours IF NOT EXISTS FOR (n:Thing) ON {on}"
            trial(f"{how}, {kind}", made, "DROP INDEX ours", managed=managed)
        made = "CREATE CONSTRAINT ours IF NOT EXISTS FOR (n:Thing) REQUIRE n.name IS UNIQUE"
        trial(f"{how}, CONSTRAINT", made, "DROP CONSTRAINT ours", managed=managed)
    with driver.session() as session:
        session.run("CREATE CONSTRAINT ours IF NOT EXISTS FOR (n:Thing) REQUIRE n.name IS UNIQUE").consume()
    trial("session.run, MERGE", "MERGE (n:Thing {name: 'a'})", "MATCH (n:Thing) DELETE n")
    driver.close()


main()
PY
cat >expected.txt <<'TXT'
session.run, INDEX: EquivalentSchemaRuleAlreadyExists, made; once more: made
session.run, TEXT INDEX: EquivalentSchemaRuleAlreadyExists, made; once more: made
session.run, FULLTEXT INDEX: EquivalentSchemaRuleAlreadyExists, made; once more: made
session.run, CONSTRAINT: DeadlockDetected, made; once more: made
execute_write, INDEX: EquivalentSchemaRuleAlreadyExists, made; once more: made
execute_write, TEXT INDEX: EquivalentSchemaRuleAlreadyExists, made; once more: made
execute_write, FULLTEXT INDEX: EquivalentSchemaRuleAlreadyExists, made; once more: made
execute_write, CONSTRAINT: made; once more: made
session.run, MERGE: made; once more: made
TXT
"$work/venv/bin/python" trial.py "$port" >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
