"""Executors: the work of a branch, by a function, a command or recall.

Others use: `base.BranchContext`, `base.Executor`, `callable.CallableExecutor`, `callable.Work`,
`command.CommandExecutor`, `environment.unset`, `recall.RecallExecutor`.
"""
