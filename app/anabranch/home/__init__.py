"""The folder of a memory, its owner, and the addresses of its servers.

Others use: `folder.Home`, `folder.Lock`, `folder.held`, `keeper.COMMAND`, `keeper.READY`,
`passing.clear_passing`, `passing.passing_folder`, `passing.passing_folder_here`, `running.COMMAND`,
`running.RunningUp`, `running.running_up`, `running_thoughts.RunningThought`,
`running_thoughts.lost_thoughts`, `runtime_file`, `servers.Servers`, `servers.would_start`,
`tenants_file.read_tenants`.
"""
