// A part of recall's statements: true where the insight i may answer, by its end, the filters and its
// time in the world. $ended null is the namespace, where any end counts; else it has the position of
// each end in reach, by the insight's id. An end that is out of reach changes no validity.
($include_retired OR CASE WHEN $ended IS NULL
    THEN @insights/ended IS NULL ELSE $ended[i.id] IS NULL END)
  AND ($kinds IS NULL OR i.kind IN $kinds) AND NOT i.kind IN $kinds_left_out
  AND i.confidence >= $confidence_min AND all(tag IN $tags WHERE tag IN i.tags)
  AND ($agent IS NULL OR $agent =
    coalesce(i.agent, head([(i)<-[:PRODUCED]-(s:Session) | s.agent])))
  AND ($role IS NULL OR size([(i)<-[:PRODUCED]-(s:Session) WHERE s.role = $role | s.id]) > 0)
  AND ($recorded_since IS NULL OR i.recorded_at >= datetime($recorded_since))
  AND ($recorded_until IS NULL OR i.recorded_at <= datetime($recorded_until))
  AND ($valid_at IS NULL OR i.valid_from IS NULL OR i.valid_from <= datetime($valid_at))
  AND ($valid_at IS NULL OR i.valid_until IS NULL OR i.valid_until > datetime($valid_at)
    OR CASE WHEN $ended IS NULL THEN i.retired > $until
      ELSE i.retired IS NOT NULL AND $ended[i.id] IS NULL END)
