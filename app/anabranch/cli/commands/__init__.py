"""The command line, one module a noun.

Others use: `dead_letters`, `demo`, `events`, `graph`, `insights`, `memory`, `past`, `service`,
`sessions`, `snapshots`, `thinking`, `transcripts`.
"""
