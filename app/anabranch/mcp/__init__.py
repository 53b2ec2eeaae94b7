"""A memory for agents, by the Model Context Protocol.

Others use: `access.HomeAccess`, `installation.Change`, `installation.installed`,
`installation.uninstalled`, `stdio`.
"""
