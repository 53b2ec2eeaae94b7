"""What the log asks of JetStream: streams, stored messages, buckets, snapshots."""
