// Give dead letters the properties that the log says; one row a node {key, properties, times}, returns
// nothing. A property that is null goes; times are text.
UNWIND $rows AS row
MERGE (n:DeadLetter {position: row.key[0]})
SET n += row.properties
SET n.put_aside_at = coalesce(n.put_aside_at, datetime(row.times.put_aside_at))
