// Erase what insights said and whom they mention; one row an insight, returns nothing.
// An entity that nothing mentions any more goes too: its name was part of what was said.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE i.forgotten IS NULL
SET i.forgotten = row.position
SET i.forgotten_receipt = row.receipt
REMOVE i.text, i.subject, i.tags, i.entities, i.sources, i.embedding, i.embedding_model
WITH i
MATCH (i)-[m:MENTIONS]->(e:Entity)
SET e.mentions = e.mentions - 1
DELETE m
WITH DISTINCT e
WHERE e.mentions = 0
DELETE e
