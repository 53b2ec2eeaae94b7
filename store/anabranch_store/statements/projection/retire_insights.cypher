// End insights at the first position at which they ceased to hold; one row an insight, returns
// nothing. One that had ended before ends no other: of a circle the last stands.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE i.retired IS NULL
OPTIONAL MATCH (by:Insight {namespace: row.namespace, id: row.by})
WITH row, i, by
WHERE by.retired IS NULL OR by.retired > row.position
SET i.retired = row.position
SET i.retired_reason = row.reason
SET i.valid_until = coalesce(datetime(row.valid_until), i.valid_until)
