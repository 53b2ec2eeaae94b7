// Make relationships RETIRED that the log says; one row each {start, end, properties,
// times}, returns nothing. Both ends are there.
UNWIND $rows AS row
MERGE (a:Session {namespace: row.start[1], id: row.start[2]})
MERGE (b:Insight {namespace: row.end[1], id: row.end[2]})
CREATE (a)-[r:RETIRED]->(b)
SET r += row.properties
