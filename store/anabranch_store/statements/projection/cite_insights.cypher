// Count the citations of insights; one row an insight, returns nothing.
// `useful` are the positions at which it was used or confirmed, `confirmed` those of the latter, `last` the
// last of any outcome.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE coalesce(i.cited, 0) < row.last
SET i.citations = coalesce(i.citations, 0) + size([p IN row.useful WHERE p > coalesce(i.cited, 0)]),
  i.confirmations = coalesce(i.confirmations, 0) + size([p IN row.confirmed WHERE p > coalesce(i.cited, 0)])
SET i.cited = row.last
