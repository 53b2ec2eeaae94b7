"""Sessions out of the memory, in the forms that other tools read.

Others use: `targets.export_session`.
"""
