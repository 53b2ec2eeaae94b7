// Say which session ended which insight, and in favour of which; one row an end, returns nothing.
// Each end is a relationship of its own, also one that came too late for the insight's `retired`:
// for a reader who does not see the earlier one it is the first.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE NOT row.recorded IN [(i)<-[known:RETIRED]-(:Session) | known.recorded]
MERGE (s:Session {namespace: row.namespace, id: row.session_id})
CREATE (s)-[:RETIRED {recorded: row.recorded, by: row.by}]->(i)
