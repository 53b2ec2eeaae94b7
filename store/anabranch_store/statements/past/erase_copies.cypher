// Take what others said about insights out of a graph of the past, as projection/forget_copies does;
// one row an insight, returns nothing. What was forgotten by then has been erased there.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
WHERE i.forgotten IS NULL
WITH i, [(i)-[r:ASSOCIATED_WITH]-(:Insight) | r] AS links,
  [(i)-[o:CONFLICTS_WITH]-(:Insight) | o] AS conflicts,
  [(i)<-[:DERIVED_FROM]-(c:Consolidation) | c] AS derived
FOREACH (r IN links | SET r.reason = null)
FOREACH (o IN conflicts | SET o.subject = '(forgotten)')
FOREACH (o IN [o IN conflicts WHERE o.retired IS NOT NULL] | SET o.decision = '(forgotten)')
FOREACH (c IN derived | SET c.text =
  CASE WHEN c.text CONTAINS i.text THEN replace(c.text, i.text, '(forgotten)') ELSE '(forgotten)' END)
