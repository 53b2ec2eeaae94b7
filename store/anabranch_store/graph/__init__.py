"""The graph: schema, statements, digest, stamp.

Others use: `digest.Digest`, `graph.Graph`, `stamp`.
"""
