"""Recall over the store's own indexes.

Others use: `ranker.GraphRanker`.
"""
