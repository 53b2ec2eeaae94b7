"""The readers, one module a tool.

Others use: `catalogue`, `claude_code.ClaudeCodeReader`, `claude_files.head_of`,
`openinference.is_wanted`.
"""
