// Note that this generation is by now what the present versions fill. Returns one row {log}, or none.
MATCH (g:Generation {id: 'graph'})
SET g.schema_version = $schema_version
SET g.projector_version = $projector_version
RETURN g.log AS log
