"""Ways out of the log, in order and without a gap.

Others use: `continuity.Absences`, `continuity.Continuity`, `namespaces.Namespace`,
`namespaces.namespaces`, `pinned_consumer.PinLost`, `pinned_consumer.PinnedConsumer`, `reader`,
`repeats.Occurrence`, `repeats.Repeats`, `verification`.
"""
