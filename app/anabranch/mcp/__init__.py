"""A memory for agents, by the Model Context Protocol.

Others use: `access.HomeAccess`, `access.SharedAccess`, `calls.MemoryCalls`, `installation`,
`listener.RelayListener`, `listener.can_relay`, `own_sessions.OwnSessions`,
`project.project_namespace`, `relay.relay_address`, `relay.relay_stdio`, `relayed_lines.Hello`,
`server.sdk_server`, `stdio`.
"""
