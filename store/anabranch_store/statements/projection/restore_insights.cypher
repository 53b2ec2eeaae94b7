// Let hold again what retracted insights had superseded, if all that took its place was retracted;
// one row a retraction, returns nothing. A chain is followed for 16 links. `lapses` keeps the
// stretches in which an insight did not hold: from and until, from and until.
UNWIND $rows AS row
MATCH (y:Insight {namespace: row.namespace, id: row.id})
WHERE y.retracted = row.position
MATCH down = (y)-[:SUPERSEDES*1..16]->(x:Insight)
WHERE x.retired IS NOT NULL AND all(s IN relationships(down) WHERE s.void IS NULL)
WITH DISTINCT x
MATCH up = (x)<-[:SUPERSEDES*1..16]-(z:Insight)
WHERE all(s IN relationships(up) WHERE s.void IS NULL)
WITH x, max(z.retracted) AS restored, sum(CASE WHEN z.retracted IS NULL THEN 1 ELSE 0 END) AS holding
WHERE holding = 0 AND x.retired < restored AND (x.final IS NULL OR x.final > restored)
SET x.lapses = coalesce(x.lapses, []) + [x.retired, restored]
SET x.retired = x.final
SET x.current = x.final IS NULL AND x.forgotten IS NULL
SET x.retired_reason = x.final_reason
SET x.valid_until = CASE WHEN x.restated THEN x.stated_until ELSE x.valid_until END
SET x.stated_until = null
SET x.restated = null
