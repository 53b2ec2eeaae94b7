// The insights in $ids that were recorded up to $until; one row an insight, by position.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.recorded <= $until
RETURN i.id AS insight_id, i.session_id AS session_id, left(i.text, $characters) AS text,
  i.kind AS kind, i.recorded AS recorded,
  @insights/ended AS retired,
  CASE WHEN i.forgotten <= $until THEN i.forgotten END AS forgotten
ORDER BY recorded, insight_id
