// A part of statements: the columns of a dead letter d.
d.position AS position, d.namespace AS namespace, d.session_id AS session_id,
  d.error AS error, d.reason AS reason, d.projection AS projection, d.put_aside_at AS put_aside_at,
  coalesce(d.attempts, 1) AS attempts, d.tried_at AS tried_at, d.discarded_at AS discarded_at
