// Keep what could not be applied as dead letters; one row a position, returns nothing.
UNWIND $rows AS row
MERGE (d:DeadLetter {position: row.position})
SET d.namespace = row.namespace
SET d.session_id = row.session_id
SET d.error = row.error
SET d.reason = row.reason
