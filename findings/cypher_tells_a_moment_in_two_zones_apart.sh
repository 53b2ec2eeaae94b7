#!/usr/bin/env bash
# Neo4j 5.26.31, ArcadeDB 26.10.2, neo4j driver 6.4.1 (Python): the same moment in two time zones is not equal, and one
# of the two is the later. A question with a time in UTC is such a one, where its zone has a name.
#
# 2026-01-01T00:00+01:00 and 2025-12-31T23:00Z are one moment, and equal in Python, Java, SQL and JSON tools. One would
# guess the same of a type that is called an instant in time. In fact, in both:
#
# 1. `=` is false, `IN` is false, DISTINCT keeps both, and a node with the one is not found by the other.
# 2. `<=` is false and `>=` is true: after the moment the offset is compared. So a day that begins at midnight in one
#    zone loses what is stored in another at that very moment, at one of its ends.
# 3. `Z` and `[UTC]` are two zones. Python's driver sends `timezone.utc` as the first and `ZoneInfo("UTC")` as the
#    second, so that datetime.now(ZoneInfo("UTC")) is never equal to what was stored by datetime.now(timezone.utc).
#
# So store times in one zone, and bring those of a question into it (`.astimezone(timezone.utc)`), or compare
# `t.epochMillis`.
set -euo pipefail
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; [ -z "$server" ] || wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "arcadedb-embedded==26.10.2.post1" "neo4j==6.4.1"
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
import sys
import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import arcadedb_embedded as arcadedb
from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

STORED, OTHER = "datetime('2026-01-01T00:00:00+01:00')", "datetime('2025-12-31T23:00:00Z')"
COMPARED = (
    f"MATCH (t:Thing) WITH t.at AS a, {OTHER} AS b RETURN [a = b, a IN [b], a <= b, a >= b, "
    "a.epochMillis = b.epochMillis] AS found"
)
FOUND = f"MATCH (t:Thing {{at: {OTHER}}}) RETURN count(t) AS found"
DISTINCT = f"UNWIND [{STORED}, {OTHER}] AS x RETURN count(DISTINCT x) AS found"
NAMED = "RETURN datetime('2026-01-01T00:00:00Z') = datetime('2026-01-01T00:00:00[UTC]') AS found"


def tell(product, ask):
    """Print what a product answers."""
    print(f"{product}: equal, in, <=, >=, same milliseconds:", list(ask(COMPARED)))
    print(f"{product}: found by the other: {ask(FOUND)}, distinct: {ask(DISTINCT)}, Z = [UTC]: {ask(NAMED)}")


with arcadedb.create_database("./times") as database:
    database.command("sql", "CREATE VERTEX TYPE Thing")
    with database.transaction():
        database.command("opencypher", f"CREATE (:Thing {{at: {STORED}}})")
    tell("ArcadeDB", lambda query: [row.to_dict() for row in database.query("opencypher", query)][0]["found"])

with GraphDatabase.driver(f"bolt://127.0.0.1:{sys.argv[1]}") as driver:
    until = time.monotonic() + 240
    while True:
        try:
            driver.verify_connectivity()
            break
        except (DriverError, Neo4jError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)

    def ask(query, **given):
        """Return the only value of a query."""
        return driver.execute_query(query, given).records[0]["found"]

    driver.execute_query(f"CREATE (:Thing {{at: {STORED}}})")
    tell("Neo4j", ask)
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    asked = "RETURN datetime('2026-01-01T00:00:00Z') = $now AS found"
    print("driver: timezone.utc:", ask(asked, now=now), end=" - ")
    print('ZoneInfo("UTC"):', ask(asked, now=now.astimezone(ZoneInfo("UTC"))))
PY
cat >expected.txt <<'TXT'
ArcadeDB: equal, in, <=, >=, same milliseconds: [False, False, False, True, True]
ArcadeDB: found by the other: 0, distinct: 2, Z = [UTC]: False
Neo4j: equal, in, <=, >=, same milliseconds: [False, False, False, True, True]
Neo4j: found by the other: 0, distinct: 2, Z = [UTC]: False
driver: timezone.utc: True - ZoneInfo("UTC"): False
TXT
"$work/venv/bin/python" trial.py "$port" >seen.txt 2>said.txt || { cat seen.txt said.txt; tail -5 console.log; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
