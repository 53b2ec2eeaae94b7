// Erase what others said about insights that are being forgotten: the reasons of their associations,
// the subjects and decisions of their conflicts, the reasons of the ends that they made, the texts of
// consolidations derived from them, and the results of the sessions that produced or joined them; one
// row an insight, returns nothing. A consolidation that had the own words of an insight whose forgetting
// was asked for keeps the rest of its text; else all of it goes, for it may say them in others.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i, [(i)-[r:ASSOCIATED_WITH]-(:Insight) | r] AS links,
  [(i)-[o:CONFLICTS_WITH]-(:Insight) | o] AS conflicts,
  [(i)-[:SUPERSEDES]->(x:Insight)<-[e:RETIRED]-(:Session) WHERE e.by = i.id AND e.recorded = x.retired | x] AS older,
  [(i)<-[:DERIVED_FROM]-(c:Consolidation) | c] AS derived,
  [(i)<-[:PRODUCED]-(s:Session) | s] AS producers,
  [(i)<-[:DERIVED_FROM]-(:Consolidation)-[:CONSOLIDATES]->(:Session)-[:BRANCHED_FROM]->(s:Session) | s]
    AS joiners
FOREACH (r IN links | SET r.reason = null)
FOREACH (o IN conflicts | SET o.subject = '(forgotten)')
FOREACH (o IN [o IN conflicts WHERE o.retired IS NOT NULL] | SET o.decision = '(forgotten)')
FOREACH (x IN [x IN older WHERE x.forgotten IS NULL] | SET x.retired_reason = 'superseded')
FOREACH (c IN derived | SET c.text = CASE
  WHEN row.asked AND i.recorded < row.position AND c.recorded < row.position AND c.text CONTAINS i.text
    THEN replace(c.text, i.text, '(forgotten)')
  ELSE '(forgotten)' END)
FOREACH (s IN producers + joiners | SET s.erased = true)
FOREACH (s IN [s IN producers + joiners WHERE s.result IS NOT NULL] | SET s.result = '(forgotten)')
