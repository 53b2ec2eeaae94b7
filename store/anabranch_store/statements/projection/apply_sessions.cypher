// Open sessions and bring them up to date; one row a session. Returns how those stood before that
// had begun or ended, as projection/read_standing does: {namespace, id, opened, root_id, depth, ended}.
// The first opening wins, later facts overwrite earlier ones; both are guarded by position, so
// events that were applied before change nothing.
// One that learned what was forgotten keeps no result, nor does one whose branch begins behind the
// consolidation of it. One that was forgotten itself says nothing any more, nor do consolidations of it.
UNWIND $rows AS row
MERGE (s:Session {namespace: row.namespace, id: row.id})
WITH row, s, s.opened AS opened, s.root_id AS root_id, s.depth AS depth, s.ended AS ended
FOREACH (opening IN CASE WHEN opened IS NULL THEN row.openings ELSE [] END |
  SET s += opening.properties
  SET s += {opened_at: datetime(opening.opened_at), deadline: datetime(opening.deadline)}
  FOREACH (parent_id IN opening.parents |
    MERGE (p:Session {namespace: row.namespace, id: parent_id})
    CREATE (s)-[:BRANCHED_FROM {forked_at: opening.properties.forked_at}]->(p)
  )
)
FOREACH (latest IN CASE WHEN coalesce(s.updated, 0) < row.position THEN [row] ELSE [] END |
  SET s += latest.properties
  SET s += {ended_at: coalesce(datetime(latest.ended_at), s.ended_at), updated: latest.position}
  SET s.result = CASE WHEN s.erased AND s.result IS NOT NULL THEN '(forgotten)' ELSE s.result END
)
FOREACH (_ IN CASE WHEN s.forgotten IS NULL THEN [] ELSE [s] END | SET s += @sessions/blank)
WITH row, opened, root_id, depth, ended,
  CASE WHEN opened IS NULL THEN [(s)<-[:CONSOLIDATES]-(c:Consolidation) | c] ELSE [] END AS known,
  CASE WHEN opened IS NULL THEN [(s)<-[:CONSOLIDATES]-(:Consolidation)-[:CONSOLIDATES]->(:Session)
    -[:BRANCHED_FROM]->(p:Session) | p] ELSE [] END AS joiners,
  [(s)<-[:CONSOLIDATES]-(:Consolidation)-[:DERIVED_FROM]->(i:Insight) WHERE i.forgotten IS NOT NULL | i.id]
    AS told,
  s.forgotten IS NOT NULL
    OR size([(s)-[:BRANCHED_FROM]->(p:Session) WHERE p.forgotten IS NOT NULL | p.id]) > 0 AS gone
FOREACH (p IN CASE WHEN gone OR size(told) > 0 THEN joiners ELSE [] END |
  SET p.erased = true
  SET p.result = CASE WHEN p.result IS NULL THEN null ELSE '(forgotten)' END
)
FOREACH (c IN CASE WHEN gone THEN known ELSE [] END | SET c.text = '(forgotten)')
WITH row, opened, root_id, depth, ended
WHERE opened IS NOT NULL OR ended IS NOT NULL
RETURN row.namespace AS namespace, row.id AS id, opened, root_id, depth, ended
