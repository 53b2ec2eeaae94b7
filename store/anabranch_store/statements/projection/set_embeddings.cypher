// Give insights their vectors; one row an insight, the model in $model; returns nothing.
// Only the recording that counts has a vector, and a forgotten insight has none.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
WHERE i.recorded = row.recorded AND i.forgotten IS NULL
SET i.embedding = row.embedding, i.embedding_model = $model
