"""Tasks: the work queue beside the log, and the signals between those who work on it.

Others use: `delivery.Delivery`, `queue.TaskQueue`, `signals`, `stream.TASKS`,
`stream.TENANT_BOUND`, `taking.Taking`, `task.Task`, `task.read_task`, `task.task_consumer`.
"""
