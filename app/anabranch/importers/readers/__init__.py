"""The readers, one module a tool, or a few; those of spans have a room of their own.

Others use: `catalogue`, `claude_code.ClaudeCodeReader`, `claude_files.head_of`.
"""
