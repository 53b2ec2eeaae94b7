// Make relationships RAN that the log says; one row each {start, end, properties,
// times}, returns nothing. Both ends are there.
UNWIND $rows AS row
MERGE (a:Agent {namespace: row.start[1], name: row.start[2]})
MERGE (b:Session {namespace: row.end[1], id: row.end[2]})
CREATE (a)-[r:RAN]->(b)
SET r += row.properties
