// Make relationships MENTIONS that the log says; one row each {start, end, properties,
// times}, returns nothing. Both ends are there.
UNWIND $rows AS row
MERGE (a:Insight {namespace: row.start[1], id: row.start[2]})
MERGE (b:Entity {namespace: row.end[1], name: row.end[2]})
CREATE (a)-[r:MENTIONS]->(b)
SET r += row.properties
