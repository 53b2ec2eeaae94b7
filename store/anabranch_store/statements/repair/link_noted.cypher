// Make relationships NOTED that the log says; one row each {start, end, properties,
// times}, returns nothing. Both ends are there.
UNWIND $rows AS row
MERGE (a:Session {namespace: row.start[1], id: row.start[2]})
MERGE (b:Note {namespace: row.end[1], session_id: row.end[2], key: row.end[3]})
CREATE (a)-[r:NOTED]->(b)
SET r += row.properties
