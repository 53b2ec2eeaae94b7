"""The recall index: the log as columns in position order, one index a namespace.

Others use: `damage.Damaged`, `follower.IndexFollower`, `index_folder.IndexFolder`,
`index_folder.drop_namespace`, `index_folder.drop_older`, `source.index_source`, `writer.LOCK`,
`writer.writer_of`.
"""
