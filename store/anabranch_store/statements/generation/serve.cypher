// Note that this generation is the live one, and since when. Returns one row {served}.
MATCH (g:Generation {id: 'graph'})
SET g.served = coalesce(g.served, $time)
RETURN g.served AS served
