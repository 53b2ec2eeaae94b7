"""Queries that the guard lets through and those it refuses, without any server."""

from __future__ import annotations

import pytest

from anabranch_store.cypher.guard import checked_query
from anabranch_store.errors import CypherInvalid, QueryRefused

READS = [
    "RETURN 1",
    "  // load csv from 'x'\n MATCH (n) RETURN n;",
    "/* CREATE (n) */ match (n:Insight {text: 'CREATE (x) SET x.y = 1 LOAD CSV FROM'}) return n",
    'RETURN "CALL dbms.killQuery() YIELD x; DROP INDEX y" AS text',
    "MATCH (n) WHERE n.set = 1 AND n.`load csv` IS NULL RETURN n.create, n.merge, n.delete",
    "MATCH (create)-[set:SET]->(delete:Merge) RETURN create, set, delete",
    "WITH 1 AS create, 2 AS set, 3 AS load, 4 AS call, 5 AS use RETURN create, set, load, call, use",
    "WITH {use: 1, create: 2, set: 3} AS m RETURN m.use, m {.create, .set}",
    "UNWIND [1] AS call WITH call MATCH (n) RETURN call.x, n",
    "WITH 1 AS use MATCH (n) RETURN n {use}",
    "WITH 1 AS use RETURN use ORDER BY use SKIP 1",
    "MATCH (use) WHERE use IS NOT NULL AND use IN [1] OR use = 2 RETURN use LIMIT 1",
    "WITH 'a' AS `use` RETURN `use` STARTS WITH 'b'",
    "MATCH (a)-[:X*1..3]->(b:A:B|C) RETURN [1, 2][0..1], {a: b.text}, {match: size(b.tags)}",
    "RETURN {at: date.truncate('day', $d), near: point.distance($a, $b)}",
    "CALL db.labels() YIELD label RETURN label",
    "CALL db.index.fulltext.queryNodes('insight_text', $q) YIELD node, score RETURN node.text",
    "call DB . Index . Vector . queryNodes('insight_embedding', 3, $v) YIELD node RETURN node",
    "CALL `db`.`labels`()",
    "CALL { MATCH (n) RETURN count(n) AS c } RETURN c",
    "MATCH (s) CALL (s) { MATCH (s)--(x) RETURN x } RETURN x",
    "OPTIONAL CALL db.labels() YIELD label RETURN label",
    "EXPLAIN MATCH (n) RETURN n",
    "PROFILE MATCH (n) RETURN n",
    "CYPHER 5 planner=cost runtime=slotted MATCH (n) RETURN n",
    "SHOW INDEXES",
    "SHOW INDEXES YIELD name SHOW CONSTRAINTS YIELD name AS other RETURN name, other",
    "WITH 1 AS show, 2 AS start, 3 AS drop RETURN show ORDER BY start DESC, drop SKIP 1",
    "MATCH (start)-->(stop) WHERE start.x IS NULL OR stop IN [1] RETURN start AS show, stop",
    "WITH 1 AS terminate MATCH (n) RETURN CASE WHEN terminate THEN 1 ELSE terminate END AS show",
    "WITH 1 AS show UNWIND [show] AS alter WITH alter, show WHERE show XOR alter RETURN show",
    "CALL (show) { RETURN show AS enable NEXT RETURN enable } RETURN enable UNION RETURN 1 AS enable",
    "MATCH (n {show: 1}) RETURN n.show AS rename, n {.start, .show} AS grant",
    "WITH n.a AS start, n.b AS s RETURN trim(BOTH start FROM s), trim(LEADING call FROM s)",
    "WITH 'a' AS show, 'b' AS stop RETURN trim(show FROM 'aba'), trim(stop FROM 'bab')",
    "UNWIND [1] AS set WITH set, 2 AS remove WHERE set IN [1] AND remove.x RETURN set, remove",
    "WITH 1 AS x RETURN s'a {x} \\{LOAD CSV FROM\\} it\\'s {'}'} SHOW USERS', S\"{ {x: s'{x}'}.x }\"",
    "MATCH (s) WHERE s.x STARTS WITH's {SHOW USERS}' RETURN s, 's {' AS t, \"{\" AS `s'{`",
    "WITH 1 AS call RETURN call EXCEPT RETURN 2 AS call INTERSECT RETURN 3 AS call",
    "WITH true AS create, true AS replace RETURN create OR replace AS either, create AS index",
    "SHOW ALL INDEXES YIELD name",
    "SHOW NODE UNIQUENESS CONSTRAINTS",
    "RETURN date.truncate('day', datetime()), vector.similarity.cosine([1.0], [1.0])",
    "RETURN point.distance($a, $b) AS d, duration.between($x, $y) AS t",
    "MATCH p = ((a)-[:X]->(b)){1,5} WHERE a.active AND (b.x) IS NOT NULL RETURN p",
    "RETURN 'it''s' + 'a \\' quote' + \"`\" AS `a ``quoted`` name`",
    "RETURN '\\u00e9' AS x, 1.5e-3, 0xFF, .5, $`a param`, $create",
    "RETURN 'C:\\\\u0027x' AS x, 'C:\\\\\\u0041x' AS y // see C:\\ubeef, \\u0027 and \\u2028",
    "RETURN 1 AS x /* see C:\\ubeef, \\u0060 */ , `C:\\\\u0060x` AS y // \\\\u000a",
    "MATCH (n) RETURN CASE WHEN n.x THEN 1 ELSE 2 END UNION ALL RETURN 3 AS x",
    "WITH [1,2,3] AS list RETURN list[0..2], [x IN list WHERE x > 1 | x]",
]

REFUSED = [
    ("LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line", "LOAD CSV"),
    ("load /* a */ csv // b\n with headers from 'http://host/x' AS line RETURN line", "LOAD CSV"),
    ("MATCH (n) LOAD CSV FROM $url AS line RETURN line", "LOAD CSV"),
    ("CALL { LOAD CSV FROM 'x' AS l RETURN l } RETURN l", "LOAD CSV"),
    ("RETURN 1 AS x UNION LOAD CSV FROM 'x' AS x RETURN x", "LOAD CSV"),
    ("USING PERIODIC COMMIT LOAD CSV FROM 'x' AS l RETURN l", "LOAD CSV"),
    ("UNWIND [1] AS `.` LOAD CSV FROM 'x' AS l RETURN l", "LOAD CSV"),
    ("CREATE (n)", "CREATE"),
    ("MATCH (n) CREATE (m)", "CREATE"),
    ("MERGE (n:X {id: 1}) RETURN n", "MERGE"),
    ("MATCH (n) SET n.x = 1", "SET"),
    ("MATCH (n) SET n += {x: 1}", "SET"),
    ("MATCH (n) SET n:Label", "SET"),
    ("MATCH (n) REMOVE n.x", "REMOVE"),
    ("MATCH (n) DETACH DELETE n", "DETACH"),
    ("MATCH (n) FOREACH (x IN [1] | SET n.x = x)", "FOREACH"),
    ("DELETE n", "DELETE"),
    ("EXPLAIN CREATE (n)", "CREATE"),
    ("CREATE USER bob SET PASSWORD 'x'", "CREATE USER"),
    ("CREATE OR REPLACE DATABASE x", "CREATE OR"),
    ("CREATE INDEX x FOR (n:N) ON (n.x)", "CREATE INDEX"),
    ("DROP CONSTRAINT x", "DROP CONSTRAINT"),
    ("ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'", "ALTER CURRENT"),
    ("GRANT ROLE admin TO bob", "GRANT ROLE"),
    ("SHOW USERS", "SHOW USERS"),
    ("SHOW SETTINGS YIELD name", "SHOW SETTINGS"),
    ("SHOW TRANSACTIONS", "SHOW TRANSACTIONS"),
    ("SHOW DATABASES", "SHOW DATABASES"),
    ("TERMINATE TRANSACTIONS 'x'", "TERMINATE TRANSACTIONS"),
    ("SHOW INDEXES YIELD name SHOW SETTINGS YIELD value RETURN value", "SHOW SETTINGS"),
    ("SHOW INDEXES YIELD * RETURN * UNION SHOW ALL FUNCTIONS", "SHOW ALL"),
    ("SHOW INDEXES YIELD name AS x TERMINATE TRANSACTION x", "TERMINATE TRANSACTION"),
    ("SHOW INDEXES YIELD name AS show SHOW USERS", "SHOW USERS"),
    ("SHOW INDEXES WHERE EXISTS { SHOW SETTINGS }", "SHOW SETTINGS"),
    ("MATCH (n) RETURN n NEXT show\u2028settings", "SHOW SETTINGS"),
    ("RETURN 1 AS x NEXT TERMINATE /* a */ TRANSACTION 'x'", "TERMINATE TRANSACTION"),
    ("WHEN true THEN SHOW SETTINGS ELSE RETURN 1", "SHOW SETTINGS"),
    ("WHEN false THEN RETURN 1 ELSE { TERMINATE TRANSACTION 'x' }", "TERMINATE TRANSACTION"),
    ("WHEN true THEN USE system RETURN 1", "USE system"),
    ("(USE system RETURN 1) UNION RETURN 2", "USE system"),
    ("CALL () { SHOW TRANSACTIONS } RETURN 1", "SHOW TRANSACTIONS"),
    ("CALL { SHOW TRANSACTIONS YIELD transactionId AS t RETURN t } RETURN t", "SHOW TRANSACTIONS"),
    ("RETURN COLLECT { SHOW SETTINGS YIELD value RETURN value }", "SHOW SETTINGS"),
    ("RETURN COUNT { SHOW CURRENT USER }", "SHOW CURRENT"),
    ("(RETURN 1) UNION (SHOW SETTINGS)", "SHOW SETTINGS"),
    ("{ SHOW SETTINGS }", "SHOW SETTINGS"),
    ("LET x = 1 SHOW SETTINGS", "SHOW SETTINGS"),
    ("FILTER true SHOW SETTINGS", "SHOW SETTINGS"),
    ("FOR x IN [1] SHOW SETTINGS", "SHOW SETTINGS"),
    ("RETURN 1 AS x NEXT DROP USER bob", "DROP USER"),
    ("RETURN 1 AS x NEXT ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'", "ALTER CURRENT"),
    ("RETURN 1 AS x NEXT CREATE INDEX x FOR (n:N) ON (n.x)", "CREATE INDEX"),
    ("RETURN 1 AS x NEXT CREATE OR REPLACE DATABASE x", "CREATE OR"),
    ("WHEN true THEN CREATE ROLE guest ELSE RETURN 1", "CREATE ROLE"),
    ("CALL () { CREATE VECTOR INDEX x FOR (n:N) ON (n.x) } RETURN 1", "CREATE VECTOR"),
    ("STOP DATABASE neo4j", "STOP DATABASE"),
    ("SHOW INDEXES YIELD name AS `.` SHOW SETTINGS YIELD value RETURN value", "SHOW SETTINGS"),
    ("SHOW INDEXES YIELD name AS `:` TERMINATE TRANSACTION 'x'", "TERMINATE TRANSACTION"),
    ("USE (system) RETURN 1", "USE ("),
    ("USE ((`system`)) RETURN 1", "USE ("),
    ("CALL { WITH * USE(other) MATCH (n) RETURN n } RETURN n", "USE ("),
    ("RETURN COLLECT { USE (other) RETURN 1 AS x }", "USE ("),
    ("USE order RETURN 1", "USE order"),
    ("USE order ORDER BY 1", "USE order"),
    ("USE match MATCH (n) RETURN n", "USE match"),
    ("USE in.with RETURN 1", "USE in"),
    ("USE end { RETURN 1 }", "USE end"),
    ("WHEN true THEN USE else RETURN 1 ELSE RETURN 2", "USE else"),
    ("WITH 1 AS return CALL { WITH return USE where RETURN 1 AS y } RETURN y", "USE where"),
    ("WITH 1 AS `.` CALL { WITH `.` USE other RETURN 1 AS y } RETURN y", "USE other"),
    ("RETURN 1 AS x NEXT USE order CALL db.labels() YIELD label RETURN label", "USE order"),
    ("USE system RETURN 1", "USE system"),
    ("USE `system` SHOW USERS", "USE system"),
    ("CALL { USE other MATCH (n) RETURN n } RETURN n", "USE other"),
    ("RETURN 1 AS x UNION ALL USE other RETURN 2 AS x", "USE other"),
    ("CALL dbms.listConfig()", "CALL dbms.listConfig"),
    (
        "MATCH (n) CALL apoc.load.json('http://host/') YIELD value RETURN value",
        "CALL apoc.load.json",
    ),
    ("CALL `apoc`.`load`.`json`('x')", "CALL apoc.load.json"),
    ("CALL dbms . security . createUser('x')", "CALL dbms.security.createUser"),
    ("CALL db.createLabel('X')", "CALL db.createLabel"),
    ("UNWIND [1] AS with WITH with CALL tx.setMetaData({}) RETURN 1", "CALL tx.setMetaData"),
    ("CALL sql('DROP TYPE Insight')", "CALL sql"),
    ("RETURN apoc.util.sleep(1000)", "apoc.util.sleep()"),
    ("RETURN genai.vector.encode('x', 'OpenAI', {})", "genai.vector.encode()"),
    ("RETURN `apoc`.`load` ('x')", "apoc.load()"),
    ("RETURN {a: apoc.util.sleep(1000)}", "apoc.util.sleep()"),
    ("MATCH (n) RETURN n {.*, a: apoc.util.sleep(1000)}", "apoc.util.sleep()"),
    ("RETURN [1, 2][0..apoc.util.sleep(1000)]", "apoc.util.sleep()"),
    ("RETURN [1, 2][1 .. apoc.util.sleep(1000)]", "apoc.util.sleep()"),
    ("RETURN `apoc\\u002eload`('x')", "apoc.load()"),
    ("RETURN s'a {apoc.util.sleep(1000)} b'", "apoc.util.sleep()"),
    ("RETURN s'{1}{ {a: s\"{ COLLECT { SHOW SETTINGS } }\"} }'", "SHOW SETTINGS"),
    ('RETURN S"a {COUNT { LOAD CSV FROM $url AS l RETURN l }}" AS x', "LOAD CSV"),
    ("RETURN s'{ {a: '}'} } {' SHOW SETTINGS ', 1} }' AS x SHOW SETTINGS", "SHOW SETTINGS"),
    ("RETURN (CALL from.x() YIELD y RETURN y)", "CALL from.x"),
    ("RETURN 1; RETURN 2", "a second statement"),
]

INVALID = [
    ("", "empty"),
    ("  // nothing\n", "empty"),
    ("EXPLAIN", "empty"),
    (";", "empty"),
    ("hello world", "begins with"),
    ("RETURN 'never ends", "does not end"),
    ("RETURN `never ends", "does not end"),
    ("RETURN s'never ends", "a string that begins at character 9 does not end"),
    ("RETURN s'{x} never ends {1", "a string that begins at character 9 does not end"),
    ("RETURN s'{s\"never ends}'", "does not end"),
    ("RETURN s'a\\", "does not end"),
    ("RETURN s'\\u007bSHOW SETTINGS\\u007d'", "the escape"),
    ("RETURN s'{1} \\u0027 SHOW SETTINGS //'", "the escape"),
    ("RETURN 1 /* never ends", "does not end"),
    ("\\u004cOAD CSV FROM 'x' AS l RETURN l", "begins with"),
    ("MATCH (n) \\u004cOAD CSV FROM 'x' AS l RETURN l", "a backslash stands only in a string"),
    ("RETURN '\\u0027 AS x LOAD CSV FROM \\u0027x\\u0027 AS l RETURN l //'", "the escape"),
    ('RETURN "\\u0022 AS x LOAD CSV FROM \\u0022x\\u0022 AS l RETURN l //"', "the escape"),
    ("RETURN 1 AS `a\\uu0060 LOAD CSV FROM 'x' AS l RETURN l //`", "the escape"),
    ("RETURN 'a\\u005c' LOAD CSV FROM 'x' AS l RETURN l //'", "the escape"),
    ("RETURN 1 /* \\u002a/ LOAD CSV FROM 'x' AS l RETURN l //*/", "the escape"),
    ("RETURN 1 /* *\\u002f LOAD CSV FROM 'x' AS l RETURN l //*/", "the escape"),
    ("RETURN 1 AS x // \\u000a NEXT SHOW SETTINGS", "the escape"),
    ("RETURN 1 AS x // \\u000d NEXT SHOW SETTINGS", "the escape"),
    ("RETURN 1 AS x // \\\\\\u000a NEXT SHOW SETTINGS", "the escape"),
    ("RETURN '\\\\\\u0027 AS x LOAD CSV FROM 'x' AS l RETURN l //'", "the escape"),
]


@pytest.mark.parametrize("cypher", READS)
def test_a_query_that_reads_passes(cypher: str) -> None:
    """Words of Cypher in strings, comments, names and properties refuse nothing."""
    assert checked_query(cypher).rstrip("; ") == cypher.rstrip("; ")


def test_what_ends_a_query_is_left_out() -> None:
    """Semicolons at the end go, with the comments around them; inside a string they stay."""
    assert checked_query("RETURN ';' AS x ; // done\n ;").strip() == "RETURN ';' AS x"


@pytest.mark.parametrize(("cypher", "construct"), REFUSED)
def test_what_a_reader_may_not_do_is_refused_by_name(cypher: str, construct: str) -> None:
    """The error names the construct and says why and what else to do."""
    with pytest.raises(QueryRefused) as refused:
        checked_query(cypher)

    assert refused.value.construct == construct
    assert construct in refused.value.message
    assert refused.value.fix


@pytest.mark.parametrize(("cypher", "said"), INVALID)
def test_what_is_no_query_is_invalid(cypher: str, said: str) -> None:
    """Text that is no Cypher gets an error that says what is wrong with it."""
    with pytest.raises(CypherInvalid, match=said):
        checked_query(cypher)
