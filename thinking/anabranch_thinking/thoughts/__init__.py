"""A task fanned out and joined again.

Others use: `think`.
"""
