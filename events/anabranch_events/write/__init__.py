"""Ways into the log: one event, a batch, a group, an import.

Others use: `append`, `atomic_batch`, `group_commit.GroupCommit`, `pipeline.ImportProgress`,
`pipeline.Pipeline`, `pipeline.ingest`.
"""
