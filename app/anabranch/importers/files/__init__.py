"""Files of other tools: found, followed, and read as lines or rows.

Others use: `cache.FileCache`, `cache.RowCache`, `candidates`, `databases`, `lines`,
`zstd.ZstdFile`.
"""
