"""A memory for agents, by the Model Context Protocol.

Others use: `access.HomeAccess`, `installation.Change`, `installation.installed`,
`installation.uninstalled`, `listener.RelayListener`, `listener.can_relay`,
`project.project_namespace`, `relay.relay_address`, `relay.relay_stdio`, `relayed_lines.Hello`,
`stdio`.
"""
