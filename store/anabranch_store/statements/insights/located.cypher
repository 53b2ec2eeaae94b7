// A part of statements: where the insight i stands, and the objects that hold the whole of its text.
i.id AS insight_id, i.session_id AS session_id, i.root_id AS root_id, i.recorded AS position,
  [source IN coalesce(i.sources, []) WHERE source STARTS WITH 'object:' | substring(source, 7)] AS objects
