// How sessions stand, for the rules that an event must keep; one row a session that is known:
// {namespace, id, opened, root_id, depth, ended}.
UNWIND $rows AS row
MATCH (s:Session {namespace: row.namespace, id: row.id})
RETURN s.namespace AS namespace, s.id AS id, s.opened AS opened, s.root_id AS root_id,
  s.depth AS depth, s.ended AS ended
