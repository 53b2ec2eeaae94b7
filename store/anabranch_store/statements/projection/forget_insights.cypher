// Erase what insights said and whom they mention; one row an insight, returns nothing.
// An entity that nothing mentions any more goes too, with what others linked to it: its name was part
// of what was said.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
WHERE i.forgotten IS NULL OR row.position < i.forgotten
WITH i, row.position AS position, row.receipt AS receipt
ORDER BY position
WITH i, head(collect(position)) AS position, head(collect(receipt)) AS receipt
SET i.forgotten = position
SET i.forgotten_receipt = receipt
SET i.current = CASE WHEN i.recorded IS NULL THEN i.current ELSE false END
SET i.retired_reason = CASE WHEN i.retired IS NULL THEN null ELSE 'forgotten' END
SET i.final_reason = CASE WHEN i.final IS NULL THEN null ELSE 'forgotten' END
REMOVE i.text, i.subject, i.tags, i.entities, i.sources, i.embedding, i.embedding_model
WITH i
MATCH (i)-[m:MENTIONS]->(e:Entity)
WHERE m.recorded IS NOT NULL AND e.namespace = i.namespace
SET e.mentions = e.mentions - 1
DELETE m
WITH DISTINCT e
WHERE e.mentions = 0
DETACH DELETE e
