#!/usr/bin/env bash
# ArcadeDB 26.10.2: a map in Cypher that holds a map projection becomes that projection, and the rest is lost.
#
# `RETURN {kept: n {.name}, more: 1} AS found` is a map of two keys: a literal, whose one value is a projection
# of a node. Run on Neo4j 5.26.31 and 2026.09.0 it gives {kept: {name: 'a'}, more: 1}. One would guess the same
# here, or an error: ArcadeDB takes both forms alone. In fact, without a warning:
#
# 1. The answer is {name: 'a'}: the value of the first projection, in the place of the map around it.
# 2. The order of the keys changes nothing, and a second projection is lost with the rest.
# 3. It is the same for a projection of a map, so no node is needed.
# 4. In a list, or with `properties(n)` in the place of the projection, nothing is lost.
#
# So a client that asks both stores alike reads nulls in one of them. Return the projection as a column of its
# own, or build the map from single properties: {kept: {name: n.name}, more: 1}.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "arcadedb-embedded==26.10.2.post1"
cd "$work"
cat >trial.py <<'PY'
import json

import arcadedb_embedded as arcadedb

with arcadedb.create_database("./maps") as database:
    database.command("sql", "CREATE VERTEX TYPE Thing")
    with database.transaction():
        database.command("opencypher", "CREATE (:Thing {name: 'a', size: 2})")

    def ask(said, query):
        [row] = database.query("opencypher", f"MATCH (n:Thing) WITH n, {{x: 7}} AS m RETURN {query} AS found")
        print(f"{said}:", json.dumps(row.to_dict()["found"], sort_keys=True))

    ask("projection alone", "n {.name}")
    ask("in a map", "{kept: n {.name}, more: 1}")
    ask("in a map, last", "{more: 1, kept: n {.name}}")
    ask("two in a map", "{one: n {.name}, two: n {.size}}")
    ask("of a map", "{kept: m {.x}, more: 1}")
    ask("in a list", "[n {.name}, 1]")
    ask("single properties", "{kept: {name: n.name}, more: 1}")
PY
cat >expected.txt <<'TXT'
projection alone: {"name": "a"}
in a map: {"name": "a"}
in a map, last: {"name": "a"}
two in a map: {"name": "a"}
of a map: {"x": 7}
in a list: [{"name": "a"}, 1]
single properties: {"kept": {"name": "a"}, "more": 1}
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
