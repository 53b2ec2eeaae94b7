// The insights that name one of $ids as a source; one row an insight, with whether it has ended for the
// log too: insight_id, session_id, root_id, done.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
UNWIND [(i)<-[:DERIVED_FROM]-(d:Insight) WHERE d.recorded IS NOT NULL | d] AS d
RETURN DISTINCT d.id AS insight_id, d.session_id AS session_id, d.root_id AS root_id,
  d.forgotten IS NOT NULL AND d.retired IS NOT NULL AS done, d.recorded AS recorded
ORDER BY recorded, insight_id
