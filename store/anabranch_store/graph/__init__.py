"""The graph: schema, statements, digest, stamp.

Others use: `deletion.delete_namespace`, `deletion.deletion_steps`, `difference`, `digest.Digest`,
`foreign.Foreign`, `foreign.find_foreign`, `graph.Graph`, `stamp`.
"""
