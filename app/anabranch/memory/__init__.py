"""The Python face: memories and sessions.

Others use: `memory.Memory`, `namespaces.NamespaceMemories`, `namespaces.NamespaceMemory`,
`namespaces.SharedConnection`, `session.Session`.
"""
