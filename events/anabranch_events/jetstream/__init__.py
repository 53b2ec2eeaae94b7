"""The log's side of JetStream: streams, stored messages, buckets, snapshots."""
