"""Work over many processes: workers take branches from the queue, a joiner joins them.

Others use: `allowed.RECALLING`, `allowed.allowed_executors`, `allowed.is_address`,
`calling_off.call_off`, `dispatch.ThoughtOverWorkers`, `dispatch.WorkTerms`, `dispatch.workers_of`,
`fabric.Fabric`, `hedging.Hedging`, `history.AttemptMade`, `history.attempts_in`, `joiner.BUCKET`,
`joiner.Joiner`, `worker.GRACE_S`, `worker.Worker`.
"""
