"""Cypher of users: read only and bounded.

Others use: `guard.checked_query`, `lexer.parameters_in`, `query.QueryBounds`, `query.QueryResult`,
`query.QueryRunner`.
"""
