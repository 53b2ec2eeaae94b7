"""Pools of workers that grow and shrink with the load of the queue.

Others use: `jobs.JobPool`, `jobs.JobTerms`, `place.records_of`, `pool.Pool`,
`processes.ProcessPool`, `scaler.PoolState`, `scaler.Scaler`, `scaling.Bounds`, `scaling.WINDOW_S`.
"""
