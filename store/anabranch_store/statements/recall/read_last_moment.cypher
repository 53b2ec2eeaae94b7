// Return the time of the last insight that was recorded up to $until, as text.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until
RETURN toString(i.recorded_at) AS moment
ORDER BY i.recorded DESC LIMIT 1
