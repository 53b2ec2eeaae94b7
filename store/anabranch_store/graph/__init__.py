"""The graph: schema, statements, digest, stamp.

Others use: `deletion.delete_namespace`, `deletion.deletion_steps`, `digest.Digest`, `graph.Graph`,
`stamp`.
"""
