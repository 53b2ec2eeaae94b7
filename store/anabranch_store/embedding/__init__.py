"""Embedders: texts into vectors.

Others use: `endpoint.EmbeddingEndpoint`, `minilm.MiniLM`.
"""
