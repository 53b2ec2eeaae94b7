// Give entities the properties that the log says; one row a node {key, properties, times}, returns
// nothing. A property that is null goes.
UNWIND $rows AS row
MERGE (n:Entity {namespace: row.key[0], name: row.key[1]})
SET n += row.properties
