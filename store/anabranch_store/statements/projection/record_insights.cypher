// Record insights with their session and the entities they mention; one row an insight, returns
// nothing. Only the first recording of an insight counts, and a forgotten one stays without content.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE i.recorded IS NULL
MERGE (s:Session {namespace: row.namespace, id: row.session_id})
CREATE (s)-[:PRODUCED {recorded: row.recorded}]->(i)
SET i += {
  session_id: row.session_id,
  root_id: CASE WHEN s.opened < row.recorded THEN s.root_id END,
  agent: row.agent,
  kind: row.kind,
  current: i.retired IS NULL AND i.forgotten IS NULL,
  confidence: row.confidence,
  recorded: row.recorded,
  recorded_at: datetime(row.recorded_at),
  valid_from: datetime(row.valid_from),
  stated_until: CASE WHEN i.restated THEN datetime(row.valid_until) END,
  valid_until: coalesce(i.valid_until, datetime(row.valid_until))
}
SET i += CASE WHEN i.forgotten IS NULL THEN row.content ELSE {} END
FOREACH (_ IN CASE WHEN i.forgotten IS NULL THEN [] ELSE [i] END |
  SET s.erased = true
  SET s.result = CASE WHEN s.result IS NULL THEN null ELSE '(forgotten)' END
)
FOREACH (name IN i.entities |
  MERGE (e:Entity {namespace: row.namespace, name: name})
  CREATE (i)-[:MENTIONS {recorded: row.recorded}]->(e)
  SET e.mentions = coalesce(e.mentions, 0) + 1
)
