#!/usr/bin/env bash
# Neo4j 5.26.31: `MATCH ... WHERE n.p = 5 SET n.p = 6 RETURN n` is no compare-and-set. Two clients both win.
#
# A transaction that writes a node locks it, and another that wants to write it waits. One would guess that what was
# asked in WHERE still holds when the lock is had, or that the second transaction finds no row, or fails and is
# repeated. In fact a node is read before its lock is asked for, and not again. One transaction has set p to 6 and has
# not committed; what another one asks meanwhile waits for it, and then:
#
# 1. `WHERE n.p = 5 SET n.p = 6` returns its row, and its other changes are made too. `{p: 5}` in the pattern is alike.
# 2. The same question in a CASE within the SET is asked under the lock: `SET n.p = CASE WHEN n.p = 5 ...` sees 6.
# 3. So is `SET n.p = n.p + 0`, which gives 6. But `SET n.p = n.p`, a copy, gives 5: it undoes what was committed.
# 4. A question after a first write (`SET n.touched = 1 WITH n WHERE n.p = 5`) finds no row: the lock was had before.
#    A first write that changes nothing (`SET n.none = null`, `REMOVE n.none`) takes no lock, and both win again.
# 5. If the other one deleted the node, `SET n.p = 6 RETURN n.p` is no error. It returns a row, with null, and the
#    write is gone.
#
# The driver repeats nothing, as no error is raised. A checkpoint, a claim or a lease has to write something real
# first, and to compare then.
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
import sys
import threading
import time

from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

NODE = "MATCH (n:Claim {k: 1}) "
MEANWHILE = NODE + "SET n.by = 'first', n.p = 6"
BLOCKED = "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN count(*) AS found"


def patiently(is_so):
    """Wait until something is so."""
    until = time.monotonic() + 240
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.1)


def connected(driver):
    """Tell whether the server answers."""
    try:
        driver.verify_connectivity()
    except (DriverError, Neo4jError, OSError):
        return False
    return True


def both(driver, said, second, *, first=MEANWHILE, match=NODE):
    """Ask `second` while a transaction that did `first` is open; tell its rows and the node after both."""
    driver.execute_query("MERGE (n:Claim {k: 1}) SET n = {k: 1, p: 5, by: ''}")
    rows, tried = [], []

    def ask(transaction):
        tried.append(1)
        return transaction.run(match + second).data()

    with driver.session() as one, driver.session() as other:
        opened = one.begin_transaction()
        opened.run(first).consume()
        waiting = threading.Thread(target=lambda: rows.append(other.execute_write(ask)))
        waiting.start()
        patiently(lambda: driver.execute_query(BLOCKED).records[0]["found"] == 1)
        opened.commit()
        waiting.join()
    found = driver.execute_query(NODE + "RETURN n.p AS p, n.by AS by").records
    left = f"p {found[0]['p']}, by {found[0]['by']}" if found else "no node"
    print(f"{said}: rows {rows[0]}, tried {len(tried)} time(s); {left}")


with GraphDatabase.driver(f"bolt://127.0.0.1:{sys.argv[1]}") as driver:
    patiently(lambda: connected(driver))
    driver.execute_query("CREATE CONSTRAINT FOR (n:Claim) REQUIRE n.k IS UNIQUE")
    won = "SET n.p = 6, n.by = n.by + ', second' RETURN n.p AS p"
    both(driver, "where", "WHERE n.p = 5 " + won)
    both(driver, "pattern", won, match="MATCH (n:Claim {k: 1, p: 5}) ")
    both(driver, "case", "SET n.p = CASE WHEN n.p = 5 THEN 7 ELSE n.p END RETURN n.p AS p")
    both(driver, "plus nothing", "SET n.p = n.p + 0 RETURN n.p AS p")
    both(driver, "copy", "SET n.p = n.p RETURN n.p AS p")
    both(driver, "written first", "SET n.touched = 1 WITH n WHERE n.p = 5 " + won)
    both(driver, "null first", "SET n.none = null WITH n WHERE n.p = 5 " + won)
    both(driver, "removed first", "REMOVE n.none WITH n WHERE n.p = 5 " + won)
    both(driver, "deleted", "SET n.p = 6 RETURN n.p AS p", first=NODE + "DELETE n")
PY
cat >expected.txt <<'TXT'
where: rows [{'p': 6}], tried 1 time(s); p 6, by first, second
pattern: rows [{'p': 6}], tried 1 time(s); p 6, by first, second
case: rows [{'p': 6}], tried 1 time(s); p 6, by first
plus nothing: rows [{'p': 6}], tried 1 time(s); p 6, by first
copy: rows [{'p': 5}], tried 1 time(s); p 5, by first
written first: rows [], tried 1 time(s); p 6, by first
null first: rows [{'p': 6}], tried 1 time(s); p 6, by first, second
removed first: rows [{'p': 6}], tried 1 time(s); p 6, by first, second
deleted: rows [{'p': None}], tried 1 time(s); no node
TXT
"$work/venv/bin/python" trial.py "$port" >seen.txt 2>said.txt || { cat seen.txt said.txt; tail -5 console.log; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
