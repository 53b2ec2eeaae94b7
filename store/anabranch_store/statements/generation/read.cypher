// The stamp of this generation. Returns one row {log, schema_version, projector_version, created,
// served}, or none.
MATCH (g:Generation {id: 'graph'})
RETURN g.log AS log, g.schema_version AS schema_version,
  g.projector_version AS projector_version, g.created AS created, g.served AS served
