// Give consolidations the properties that the log says; one row a node {key, properties, times}, returns
// nothing. A property that is null goes; times are text.
UNWIND $rows AS row
MERGE (n:Consolidation {namespace: row.key[0], id: row.key[1]})
SET n += row.properties
SET n += {
  recorded_at: datetime(row.times.recorded_at)
}
