// The insights in $ids that were recorded up to $to; one row an insight, by position.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.recorded <= $to
RETURN i.id AS insight_id, i.session_id AS session_id, left(i.text, $characters) AS text,
  i.kind AS kind, i.recorded AS recorded,
  CASE WHEN i.retired <= $to THEN i.retired WHEN i.lapses IS NULL THEN null
    ELSE head([k IN range(0, size(i.lapses) - 2, 2)
      WHERE i.lapses[k] <= $to AND i.lapses[k + 1] > $to | i.lapses[k]]) END AS retired,
  CASE WHEN i.forgotten <= $to THEN i.forgotten END AS forgotten
ORDER BY recorded, insight_id
