// The insights whose texts have one of $spelt, in lower case, by position and id, those after $after and
// $after_id; one row an insight, with its texts, at most $limit of them.
MATCH (i:Insight {namespace: $namespace})
WHERE i.forgotten IS NULL AND (i.recorded > $after OR i.recorded = $after AND i.id > $after_id)
WITH i, [i.text, i.subject] + coalesce(i.tags, []) + coalesce(i.entities, []) AS texts
WHERE any(t IN texts WHERE any(word IN $spelt WHERE toLower(t) CONTAINS word))
RETURN @insights/located, texts
ORDER BY position, insight_id
LIMIT $limit
