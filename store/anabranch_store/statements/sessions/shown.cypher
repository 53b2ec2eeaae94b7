// A part of statements: the columns of a session s as a list shows it.
s.id AS session_id, s.parent_id AS parent_id, s.root_id AS root_id, s.depth AS depth,
  s.task AS task, s.role AS role, s.agent AS agent, s.status AS status, s.priority AS priority,
  s.forked_at AS forked_at, s.opened AS opened, s.opened_at AS opened_at, s.ended AS ended,
  s.ended_at AS ended_at, s.result AS result,
  CASE WHEN s.status IN ['cancelled', 'dead_lettered'] THEN s.ended_reason ELSE s.error END AS error,
  s.updated AS position
