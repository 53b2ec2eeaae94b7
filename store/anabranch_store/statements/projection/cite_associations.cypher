// Strengthen or weaken the associations between insights that were cited together; one row a cited
// insight, with the places of its citations in $citations, for each insight cited beside it. Returns
// nothing.
// Steps that were applied before, or lie outside the association's life, are left out. All are kept,
// with the weight after each: that is what the weight as of a position is read from.
UNWIND $rows AS row
MATCH (a:Insight {namespace: row.namespace, id: row.id})-[r:ASSOCIATED_WITH]->(b:Insight)
WITH r, coalesce(row.others[b.id], []) AS places
WHERE size(places) > 0
WITH r, [k IN places WHERE $citations[k].position > coalesce(r.cited, r.recorded)
  AND (r.retired IS NULL OR $citations[k].position < r.retired) | $citations[k]] AS steps
WHERE size(steps) > 0
WITH r, steps, [step IN steps WHERE step.useful] AS useful,
  reduce(weights = [r.weight], step IN steps | weights + [CASE WHEN step.useful
    THEN last(weights) + 0.1 * (1.0 - last(weights)) ELSE last(weights) * 0.9 END]) AS weights
SET r += {
  weight: last(weights),
  citations: r.citations + size(useful),
  last_cited: coalesce(datetime(last(useful).time), r.last_cited),
  cited: last(steps).position,
  steps: coalesce(r.steps, []) + [step IN steps | step.position],
  step_weights: coalesce(r.step_weights, []) + weights[1..],
  step_times: coalesce(r.step_times, []) + [step IN steps | CASE WHEN step.useful THEN step.time ELSE '' END]
}
