// The subjects and entities of the insights that hold as of $until; one row a name with the number of
// insights, those of most insights first, at most $limit.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until AND i.forgotten IS NULL AND @insights/ended IS NULL
UNWIND coalesce(i.entities, []) + CASE WHEN i.subject IS NULL THEN [] ELSE [i.subject] END AS name
RETURN name, count(i) AS insights
ORDER BY insights DESC, name LIMIT $limit
