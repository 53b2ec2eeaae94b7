"""The readers, one module a tool.

Others use: `catalogue`.
"""
