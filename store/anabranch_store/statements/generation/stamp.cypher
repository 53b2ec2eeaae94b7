// Note what fills this generation, unless it is noted already. Returns one row {log}.
MERGE (g:Generation {id: 'graph'})
ON CREATE SET g.log = $log, g.schema_version = $schema_version,
  g.projector_version = $projector_version, g.created = $time
RETURN g.log AS log
