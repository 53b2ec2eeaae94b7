// Give notes the properties that the log says; one row a node {key, properties, times}, returns
// nothing. A property that is null goes.
UNWIND $rows AS row
MERGE (n:Note {namespace: row.key[0], session_id: row.key[1], key: row.key[2]})
SET n += row.properties
