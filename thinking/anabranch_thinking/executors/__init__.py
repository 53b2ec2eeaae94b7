"""Executors: the work of a branch, by a function, a command or recall.

Others use: `base.BranchContext`, `base.Executor`, `callable.CallableExecutor`,
`command.CommandExecutor`, `recall.RecallExecutor`.
"""
