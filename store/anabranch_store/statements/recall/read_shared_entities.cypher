// Return the entities that the insights in $ids mention and that 2 to $shared_by_max eligible
// insights share, as of $until: name, ids of those insights.
UNWIND $ids AS id
MATCH (:Insight {namespace: $namespace, id: id})-[m:MENTIONS]->(e:Entity)
WHERE m.recorded <= $until
WITH DISTINCT e
WITH e, [(e)<-[n:MENTIONS]-(i:Insight) WHERE n.recorded <= $until
  AND i.recorded <= $until AND i.forgotten IS NULL
  AND @recall/eligible
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id]) | i.id] AS sharing
WHERE size(sharing) >= 2 AND size(sharing) <= $shared_by_max
RETURN e.name AS name, sharing
