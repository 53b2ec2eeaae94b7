// Return in one row how many insights the full-text index gave for $words, and which of them are
// eligible, best first: id, score. $windows null is the whole namespace.
CALL db.index.fulltext.queryNodes('insight_text', $words, {limit: $limit}) YIELD node AS i, score
WITH i, score, (i.namespace = $namespace AND i.recorded <= $until AND i.forgotten IS NULL
  AND @recall/eligible
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id])) AS eligible
RETURN count(i) AS found,
  collect(CASE WHEN eligible THEN [i.id, score] END) AS insights
