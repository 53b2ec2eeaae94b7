"""The graph: schema, statements, digest, stamp."""
