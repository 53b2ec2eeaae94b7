// Take what insights said, and whom they mention, out of a graph of the past; one row an insight,
// returns nothing. What was forgotten since is never told again.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
REMOVE i.text, i.subject, i.tags, i.entities, i.sources
WITH i
MATCH (i)-[m:MENTIONS]->(e:Entity)
SET e.mentions = e.mentions - 1
DELETE m
WITH DISTINCT e
WHERE e.mentions = 0
DELETE e
