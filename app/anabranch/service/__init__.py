"""The service of `anabranch up`.

Others use: `serve.run_http`, `up`.
"""
