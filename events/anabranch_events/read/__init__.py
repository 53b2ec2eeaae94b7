"""Ways out of the log, in order and without a gap.

Others use: `pinned_consumer.PinLost`, `pinned_consumer.PinnedConsumer`, `reader`,
`repeats.Occurrence`, `repeats.Repeats`.
"""
