// Give sessions the properties that the log says; one row a node {key, properties, times}, returns
// nothing. A property that is null goes; times are text.
UNWIND $rows AS row
MERGE (n:Session {namespace: row.key[0], id: row.key[1]})
SET n += row.properties
SET n += {
  deadline: datetime(row.times.deadline),
  ended_at: datetime(row.times.ended_at),
  opened_at: datetime(row.times.opened_at)
}
