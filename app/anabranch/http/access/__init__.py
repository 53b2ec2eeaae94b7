"""Access over HTTP: callers, API keys, tokens of an issuer, and an audit of their calls.

Others use: `audit.Audit`, `audit.Entry`, `audit.last_entries`, `bind.Bind`, `bind.HOST`,
`bind.LOOPBACK`, `callers.Access`, `callers.Caller`, `callers.OpenAccess`, `key_access.KeyAccess`,
`key_file.Key`, `key_file.KeyFile`, `key_file.KeyView`, `token_access.TokenAccess`,
`token_access.token_access`, `usage.BUCKET`, `usage.Usage`, `usage.note_append`.
"""
