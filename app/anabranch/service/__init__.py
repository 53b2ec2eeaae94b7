"""The service of `anabranch up`.

Others use: `up`.
"""
