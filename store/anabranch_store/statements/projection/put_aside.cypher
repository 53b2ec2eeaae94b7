// Keep what could not be applied as dead letters; one row a position, returns nothing.
// One that is kept already, waiting or discarded, stays as it is.
UNWIND $rows AS row
MERGE (d:DeadLetter {position: row.position})
ON CREATE SET d.namespace = row.namespace, d.session_id = row.session_id, d.error = row.error,
  d.reason = row.reason, d.projection = row.projection, d.put_aside_at = datetime(row.put_aside_at),
  d.attempts = 1
