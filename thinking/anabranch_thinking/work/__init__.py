"""Work over many processes: workers take branches from the queue, a joiner joins them.

Others use: `allowed`, `calling_off.call_off`, `dispatch.ThoughtOverWorkers`, `dispatch.WorkTerms`,
`dispatch.workers_of`, `fabric.Fabric`, `hedging.Hedging`, `history.AttemptMade`,
`history.attempts_in`, `joiner.BUCKET`, `joiner.Joiner`, `offers.checked_labels`,
`slots.check_slots`, `worker.GRACE_S`, `worker.Worker`.
"""
