// Strengthen or weaken the associations between insights that were cited together; one row a cited
// insight, with the places of its citations in $citations; returns nothing.
// Steps that were applied before, or lie outside the association's life, are left out.
UNWIND $rows AS row
MATCH (a:Insight {namespace: row.namespace, id: row.id})-[r:ASSOCIATED_WITH]->(b:Insight)
WITH r, [k IN row.citations WHERE b.id IN $citations[k].ids
  AND $citations[k].position > coalesce(r.cited, r.recorded)
  AND (r.retired IS NULL OR $citations[k].position < r.retired) | $citations[k]] AS steps
WHERE size(steps) > 0
WITH r, steps, [step IN steps WHERE step.useful] AS useful
SET r += {
  weight: reduce(w = r.weight, step IN steps |
    CASE WHEN step.useful THEN w + 0.1 * (1.0 - w) ELSE w * 0.9 END),
  citations: r.citations + size(useful),
  last_cited: coalesce(datetime(last(useful).time), r.last_cited),
  cited: last(steps).position
}
