"""Ways into the log: one event, a batch, a group, an import.

Others use: `append`, `atomic_batch.append_batch`, `atomic_batch.check_events`,
`atomic_batch.check_sessions`, `group_commit.GroupCommit`, `pipeline.ImportProgress`,
`pipeline.Pipeline`, `pipeline.ingest`.
"""
