// Return in one row which of the insights in $ids a standing consolidation cites. It was recorded up to
// $until, its text was not forgotten, and all that it cites holds and is eligible. Of those that say
// one fact ($restated is the method of its consolidation) the last is none.
UNWIND $ids AS id
MATCH (s:Insight {namespace: $namespace, id: id})<-[:DERIVED_FROM]-(c:Consolidation)
WHERE c.namespace = $namespace AND c.recorded <= $until AND c.text <> '(forgotten)'
WITH c, collect([id, s.recorded]) AS cited
MATCH (c)-[:DERIVED_FROM]->(i:Insight)
WITH c, cited, max(i.recorded) AS last, count(i) AS sources, sum(
  CASE WHEN i.recorded <= $until AND i.forgotten IS NULL AND @recall/eligible
    AND CASE WHEN $ended IS NULL THEN @insights/ended IS NULL ELSE $ended[i.id] IS NULL END
    AND ($windows IS NULL OR i.recorded <= $windows[i.session_id]) THEN 1 ELSE 0 END
) AS holding
WHERE sources = holding
UNWIND cited AS one
WITH c, last, one
WHERE c.method <> $restated OR one[1] < last
RETURN collect(DISTINCT one[0]) AS insights
