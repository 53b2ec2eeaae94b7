// Erase what others said about insights that are being forgotten: the reasons of their associations,
// the subjects and decisions of their conflicts, and the texts of consolidations derived from them;
// one row an insight, returns nothing. Only what was recorded before counts. A consolidation that has
// the insight's own words keeps the rest of its text; else all of it goes, for it may say them in others.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
WHERE i.forgotten IS NULL
WITH row, i, [(i)-[r:ASSOCIATED_WITH]-(:Insight) WHERE r.recorded < row.position | r] AS links,
  [(i)-[o:CONFLICTS_WITH]-(:Insight) WHERE o.recorded < row.position | o] AS conflicts,
  [(i)<-[:DERIVED_FROM]-(c:Consolidation) WHERE c.recorded < row.position | c] AS derived
FOREACH (r IN links | SET r.reason = null)
FOREACH (o IN conflicts | SET o.subject = '(forgotten)')
FOREACH (o IN [o IN conflicts WHERE o.retired < row.position] | SET o.decision = '(forgotten)')
FOREACH (c IN derived | SET c.text =
  CASE WHEN i.recorded < row.position AND c.text CONTAINS i.text THEN replace(c.text, i.text, '(forgotten)') ELSE '(forgotten)' END)
