// Take the vectors of forgotten insights away; one row an insight, returns nothing.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
REMOVE i.embedding, i.embedding_model
