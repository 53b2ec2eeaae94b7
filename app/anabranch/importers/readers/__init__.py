"""The readers, one module a tool.

Others use: `catalogue.READERS`, `catalogue.sources_below`.
"""
