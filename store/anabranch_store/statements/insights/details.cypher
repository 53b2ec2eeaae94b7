// A part of statements: the columns of an insight i with all that was recorded of it, produced by s.
i.id AS insight_id, i.text AS text, i.subject AS subject, i.kind AS kind,
  i.confidence AS confidence, coalesce(i.tags, []) AS tags,
  coalesce(i.entities, []) AS entities, coalesce(i.sources, []) AS sources,
  i.valid_from AS valid_from, i.valid_until AS valid_until, i.session_id AS session_id,
  s.agent AS agent, i.recorded AS position, i.recorded_at AS recorded_at, i.retired AS retired,
  i.retired_reason AS retired_reason
