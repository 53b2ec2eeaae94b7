"""Mapping of records: sessions, insights and ids as drafts of events, without secrets.

Others use: `drafts`, `identity.Identity`, `redaction.Redaction`, `sessions.Mapping`.
"""
