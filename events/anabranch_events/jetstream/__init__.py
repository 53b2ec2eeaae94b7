"""The log's side of JetStream: streams, stored messages, buckets, snapshots.

Others use: `announcements`, `api`, `claim_check.ClaimCheck`, `claim_check.is_reference`,
`direct_get`, `documents.Documents`, `documents.StoredDocuments`, `ended.DELETIONS`,
`ended.EndedNamespaces`, `ended.ended_by`, `explained.Explained`, `kept_stream.ensure`, `kv.Bucket`,
`kv.drop_values`, `kv.open_bucket`, `ledger`, `limits`, `sealed.checked_sealable`, `snapshot`,
`stream`, `tenant_view`.
"""
