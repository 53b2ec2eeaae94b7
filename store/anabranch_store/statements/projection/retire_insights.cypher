// End insights at the first position at which they ceased to hold; one row an insight, returns
// nothing.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE i.retired IS NULL
SET i.retired = row.position
SET i.retired_reason = row.reason
SET i.valid_until = coalesce(datetime(row.valid_until), i.valid_until)
