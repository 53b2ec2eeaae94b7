// A part of statements: the properties of the session s without what it said.
{
  task: CASE WHEN s.task IS NULL THEN null ELSE '(forgotten)' END,
  attributes: null,
  result: CASE WHEN s.result IS NULL THEN null ELSE '(forgotten)' END,
  error: CASE WHEN s.error IS NULL THEN null ELSE '(forgotten)' END,
  ended_reason: CASE WHEN s.ended_reason IS NULL THEN null ELSE '(forgotten)' END
}
