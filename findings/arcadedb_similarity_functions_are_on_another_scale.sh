#!/usr/bin/env bash
# ArcadeDB 26.10.2: vector.similarity.cosine and .euclidean give values on another scale than Neo4j's.
#
# ArcadeDB answers Neo4j's Cypher functions by their names. One would guess that a threshold carries over:
# Neo4j's manual defines both functions as values between 0 and 1 and calls 0.5 the cosine of vectors at right
# angles; run on 5.26.31 and 2026.09.0, vectors at 45 degrees give 0.854, which is (1 + cosine) / 2, and points
# at a distance of 5 give 0.038, which is 1 / (1 + distance squared). In fact, in ArcadeDB:
#
# 1. vector.similarity.cosine is the cosine itself, from -1 to 1: 0.0 at right angles, 0.707 at 45 degrees.
# 2. vector.similarity.euclidean is 1 / (1 + distance): 0.167 at a distance of 5.
# 3. The score of its vector index, asked by Neo4j's procedure, is (1 + cosine) / 2, as Neo4j's is. So in one
#    store the index and the function of one name disagree: 0.5 beside 0.0 for the same two vectors.
#
# So `WHERE vector.similarity.cosine(a, b) > 0.7` keeps 46 degrees in one store and 66 in the other. A query for
# both has to compute the cosine from the vectors, or use the scores of the index alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "arcadedb-embedded==26.10.2.post1"
cd "$work"
cat >trial.py <<'PY'
import arcadedb_embedded as arcadedb

with arcadedb.create_database("./vectors") as database:
    database.command("sql", "CREATE VERTEX TYPE Point")
    database.command("sql", "CREATE PROPERTY Point.name STRING")
    database.command("sql", "CREATE PROPERTY Point.vector ARRAY_OF_FLOATS")
    database.command(
        "sql", 'CREATE INDEX points ON Point (vector) LSM_VECTOR METADATA {"dimensions": 2, "similarity": "COSINE"}'
    )
    with database.transaction():
        for name, vector in (("east", "[1.0, 0.0]"), ("north", "[0.0, 1.0]"), ("west", "[-1.0, 0.0]")):
            database.command("opencypher", f"CREATE (:Point {{name: '{name}', vector: {vector}}})")

    def ask(query):
        return [row.to_dict() for row in database.query("opencypher", query)]

    print("function, right angles:", ask("RETURN vector.similarity.cosine([1.0, 0.0], [0.0, 1.0]) AS x")[0]["x"])
    print("function, 45 degrees:", ask("RETURN round(vector.similarity.cosine([1.0, 0.0], [1.0, 1.0]), 3) AS x")[0]["x"])
    print("function, opposite:", ask("RETURN vector.similarity.cosine([1.0, 0.0], [-1.0, 0.0]) AS x")[0]["x"])
    print("euclidean, distance 5:", ask("RETURN round(vector.similarity.euclidean([0.0, 0.0], [3.0, 4.0]), 3) AS x")[0]["x"])
    for row in ask(
        "CALL db.index.vector.queryNodes('points', 3, [1.0, 0.0]) YIELD node, score "
        "RETURN node.name AS name, round(score, 3) AS score ORDER BY score DESC"
    ):
        print("index:", row["name"], row["score"])
PY
cat >expected.txt <<'TXT'
function, right angles: 0.0
function, 45 degrees: 0.707
function, opposite: -1.0
euclidean, distance 5: 0.167
index: east 1.0
index: north 0.5
index: west 0.0
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
