// A part of statements: how many steps moved the weight of the association r up to $until; null for
// all of them.
CASE WHEN coalesce(r.cited, 0) <= $until THEN null
  ELSE size([position IN r.steps WHERE position <= $until]) END
