// The insights that took the place of those in $ids, by one step or by up to 8; one row each. Links
// that are void count for nothing, and an insight that was only named is no one's place.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
MATCH up = (i)<-[:SUPERSEDES*1..8]-(newer:Insight)
WHERE newer.recorded IS NOT NULL AND all(s IN relationships(up) WHERE s.void IS NULL)
WITH DISTINCT newer
RETURN newer.id AS insight_id, newer.recorded AS position,
  newer.retired IS NULL AND newer.forgotten IS NULL AS holds
ORDER BY position, insight_id
