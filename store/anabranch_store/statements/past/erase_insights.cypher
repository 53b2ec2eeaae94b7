// Take what insights said, and whom they mention, out of a graph of the past; one row an insight,
// returns nothing. What was forgotten since is never told again.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
SET i.retired_reason = CASE WHEN i.retired IS NULL THEN null ELSE 'forgotten' END
SET i.final_reason = CASE WHEN i.final IS NULL THEN null ELSE 'forgotten' END
REMOVE i.text, i.subject, i.tags, i.entities, i.sources
WITH i
MATCH (i)-[m:MENTIONS]->(e:Entity)
WHERE m.recorded IS NOT NULL AND e.namespace = i.namespace
SET e.mentions = e.mentions - 1
DELETE m
WITH DISTINCT e
WHERE e.mentions = 0
DETACH DELETE e
