// The insights that hold as of $until and name $name, in lower case, as their subject or among their
// entities, or have it in their text as $pattern says; one row an insight, the latest first.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until AND i.forgotten IS NULL AND @insights/ended IS NULL
  AND i.kind <> 'derived'
  AND (toLower(i.subject) = $name OR any(e IN coalesce(i.entities, []) WHERE toLower(e) = $name)
    OR i.text =~ $pattern)
OPTIONAL MATCH (s:Session {namespace: $namespace, id: i.session_id})
RETURN @insights/details,
  [] AS supersedes, [] AS superseded_by
ORDER BY position DESC, insight_id LIMIT $limit
