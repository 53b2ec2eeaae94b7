"""Executors: the work of a branch, by a function, a command or recall.

Others use: `base`, `callable.CallableExecutor`, `callable.Found`, `callable.Work`,
`command.CommandExecutor`, `environment.unset`, `policy`, `recall.RecallExecutor`.
"""
