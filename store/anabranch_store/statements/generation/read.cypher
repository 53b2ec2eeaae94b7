// The stamp of this generation. Returns one row {log, schema_version, projector_version, created,
// served, position}, or none. The position is how far it was filled.
MATCH (g:Generation {id: 'graph'})
OPTIONAL MATCH (c:Checkpoint {projection: 'graph'})
RETURN coalesce(c.position, 0) AS position, g.log AS log, g.schema_version AS schema_version,
  g.projector_version AS projector_version, g.created AS created, g.served AS served
