"""Recall over the store's own indexes.

Others use: `lanes.attempt`, `ranker.GraphRanker`, `spread.spread`.
"""
