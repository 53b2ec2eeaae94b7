#!/usr/bin/env bash
# Neo4j 5.26.31: `CREATE FULLTEXT INDEX ours IF NOT EXISTS ...` succeeds where another index of that name stands, and where
# one on the same property has another name. What was asked for is then not there, and queries find other things.
#
# A program makes its indexes at each start by IF NOT EXISTS. One would guess that after it the index is there as it was
# described, or that the statement fails where it cannot be. In fact it succeeds, with nothing done:
#
# 1. The name is taken by an index with another analyzer, for instance by the program's own earlier version: it stays.
#    "pump" does not find "The pumps failed", though the statement said `english`.
# 2. The name is taken by an index on another label: it stays, and a query by the name finds what is of the other label.
# 3. The same property has a full-text index of another name: there is none of ours, and a query by our name fails.
# 4. A vector index of the name with 3 dimensions stays where 4 were asked for. A vector of 4 is stored without an error,
#    and is in no index. A query with one fails.
# 5. There is no error. The counters say that no index was made, and there is a notification of the severity INFORMATION.
#
# So after IF NOT EXISTS a program reads SHOW INDEXES and compares: labels, properties, and `options.indexConfig`.
#
# ArcadeDB 26.10.2, asked in its SQL for an index of the same name with another analyzer, refuses.
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

import arcadedb_embedded as arcadedb
from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

ENGLISH = "OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}}"
WANTED = f"CREATE FULLTEXT INDEX ours IF NOT EXISTS FOR (n:Ours) ON EACH [n.text] {ENGLISH}"
VECTORS = (
    "CREATE VECTOR INDEX near IF NOT EXISTS FOR (n:Ours) ON (n.v) OPTIONS {indexConfig: "
    "{`vector.dimensions`: %d, `vector.similarity_function`: 'cosine'}}"
)

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
        """Return the first values of a query's rows, or the code of its error."""
        try:
            return [record.values()[0] for record in driver.execute_query(query, given).records]
        except Neo4jError as error:
            return error.code.rpartition(".")[2]

    def make(query):
        """Make an index, and wait until it serves; return what was done, and which notifications there were."""
        summary = driver.execute_query(query).summary
        ask("CALL db.awaitIndexes(120)")
        told = [one.severity_level.name for one in summary.summary_notifications]
        return f"{summary.counters.indexes_added} made, notifications {told}"

    def trial(said, before):
        """Make the index that is wanted where there is another one; tell what a query by its name finds."""
        make(before)
        print(f"{said}:", make(WANTED), "- found:", find("pump"), "- as written:", find("pumps"))
        for name in ask("SHOW FULLTEXT INDEXES YIELD name"):
            ask(f"DROP INDEX {name}")

    def find(word):
        return ask("CALL db.index.fulltext.queryNodes('ours', $word) YIELD node RETURN node.text", word=word)

    ask("CREATE (:Ours {text: 'The pumps failed'}), (:Theirs {text: 'Their pumps'})")
    trial("none before", "RETURN 1")
    trial("another analyzer", "CREATE FULLTEXT INDEX ours FOR (n:Ours) ON EACH [n.text]")
    trial("another label", "CREATE FULLTEXT INDEX ours FOR (n:Theirs) ON EACH [n.text]")
    trial("another name", "CREATE FULLTEXT INDEX other FOR (n:Ours) ON EACH [n.text]")
    make(VECTORS % 3)
    print("vectors:", make(VECTORS % 4), end=" - ")
    ask("MATCH (n:Ours) SET n.v = [1.0, 2.0, 3.0, 4.0]")
    nearest = "CALL db.index.vector.queryNodes('near', 5, $v) YIELD node RETURN node.text"
    print("found by 3:", ask(nearest, v=[1.0, 2.0, 3.0]), "- by 4:", ask(nearest, v=[1.0, 2.0, 3.0, 4.0]))

with arcadedb.create_database("./indexes") as database:
    for command in ("VERTEX TYPE Ours", "PROPERTY Ours.text STRING", "INDEX ours ON Ours (text) FULL_TEXT"):
        database.command("sql", f"CREATE {command}")
    english = 'METADATA {"analyzer": "org.apache.lucene.analysis.en.EnglishAnalyzer"}'
    try:
        database.command("sql", f"CREATE INDEX ours IF NOT EXISTS ON Ours (text) FULL_TEXT {english}")
        print("ArcadeDB: made")
    except arcadedb.ArcadeDBError as error:
        print("ArcadeDB: refused,", "different configuration" in str(error))
PY
cat >expected.txt <<'TXT'
none before: 1 made, notifications [] - found: ['The pumps failed'] - as written: ['The pumps failed']
another analyzer: 0 made, notifications ['INFORMATION'] - found: [] - as written: ['The pumps failed']
another label: 0 made, notifications ['INFORMATION'] - found: [] - as written: ['Their pumps']
another name: 0 made, notifications ['INFORMATION'] - found: ProcedureCallFailed - as written: ProcedureCallFailed
vectors: 0 made, notifications ['INFORMATION'] - found by 3: [] - by 4: ProcedureCallFailed
ArcadeDB: refused, True
TXT
"$work/venv/bin/python" trial.py "$port" >seen.txt 2>said.txt || { cat seen.txt said.txt; tail -5 console.log; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
