"""The service of `anabranch up`.

Others use: `up.end_service`, `up.run_service`, `up.start_detached`.
"""
