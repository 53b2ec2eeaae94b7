"""The documents of the HTTP service: OpenAPI and AsyncAPI, and pages made of them.

Others use: `schemas`.
"""
