"""The demo.

Others use: `narration.tell`.
"""
