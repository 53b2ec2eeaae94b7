"""The folder of a memory, its owner, and the addresses of its servers.

Others use: `folder.Home`, `folder.Lock`, `folder.held`, `keeper.COMMAND`, `keeper.READY`,
`runtime_file`, `servers.Servers`, `tenants_file.read_tenants`.
"""
