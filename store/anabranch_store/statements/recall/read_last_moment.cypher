// Return the time of the last insight that was recorded up to $until, as text, and the number of
// those that held then and were forgotten since.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until
WITH i.recorded_at AS moment, i.recorded AS recorded,
  CASE WHEN i.forgotten > $until AND @insights/ended IS NULL THEN 1 ELSE 0 END AS gone
ORDER BY recorded DESC
WITH collect(toString(moment))[0] AS moment, sum(gone) AS forgotten
WHERE moment IS NOT NULL
RETURN moment, forgotten
