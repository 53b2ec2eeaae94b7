"""Files of other tools: found, followed, and read as lines or rows.

Others use: `candidates`, `databases.copy_below`, `databases.rows`, `databases.snapshot`, `lines`,
`zstd.ZstdFile`.
"""
