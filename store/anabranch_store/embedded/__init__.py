"""The embedded graph's server, its databases and its process.

Others use: `admin.admin_of`, `databases.create_database`, `databases.database_names`,
`databases.drop_database`, `engine.ENGINES`, `scratch.drop_scratch`, `scratch.scratch_graph`,
`server.EmbeddedGraph`, `server.free_ports`, `server.is_free`.
"""
