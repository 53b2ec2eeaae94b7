// Note what fills this generation, unless something did already. Returns one row {log}.
MERGE (g:Generation {id: 'graph'})
ON CREATE SET g.log = $log, g.schema_version = $schema_version,
  g.projector_version = $projector_version, g.created = $time
WITH g
OPTIONAL MATCH (c:Checkpoint {projection: 'graph'})
WITH g, coalesce(c.position, 0) = 0 AS empty
SET g.log = CASE WHEN empty THEN $log ELSE g.log END
SET g.schema_version = CASE WHEN empty THEN $schema_version ELSE g.schema_version END
SET g.projector_version = CASE WHEN empty THEN $projector_version ELSE g.projector_version END
RETURN g.log AS log
