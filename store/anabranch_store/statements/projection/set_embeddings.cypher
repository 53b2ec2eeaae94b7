// Give insights their vectors; one row an insight, the model in $model; returns nothing.
// Only the recording that counts has a vector, and a forgotten insight has none. That is asked once
// more behind the SET: Neo4j reads a node before it waits for its lock, and not again.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
WHERE i.recorded = row.recorded AND i.forgotten IS NULL
SET i.embedding = row.embedding, i.embedding_model = $model
WITH row, i
WHERE i.recorded <> row.recorded OR i.forgotten IS NOT NULL
REMOVE i.embedding, i.embedding_model
