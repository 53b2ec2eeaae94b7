"""The `index` ranker: what can be answered, its lanes, and their fusion into one ranking.

Others use: `ranker.IndexRanker`.
"""
