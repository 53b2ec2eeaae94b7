"""Files of other tools: found, followed, and read as lines or rows.

Others use: `cache.FileCache`, `candidates`, `databases`, `lines`, `zstd.ZstdFile`.
"""
