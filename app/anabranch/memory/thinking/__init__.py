"""Thinking: tasks over branches, and the workers, pools and roles that take them.

Others use: `joining.fabric_of`, `joining.hedging_of`, `load.Load`, `load.LoadWatch`,
`load.WorkerLoad`, `pools.WorkerOptions`, `pools.checked_worker`, `roles_file.RoleView`,
`roles_file.known_roles`, `roles_file.roles_of`, `stats.BY`, `stats.By`, `stats.WorkStats`, `think`,
`thoughts`, `views`, `work.MemoryWork`, `work.TASKS_MAX`.
"""
