"""Sessions that agent tools wrote, brought into the log: readers, and what becomes what.

Others use: `choice.Choice`, `drift.note_unknown_records`, `drift.unknown_records`,
`following.Following`, `importer.ImportOptions`, `importer.Importer`, `inventory.FoundSessions`,
`inventory.inventory`, `inventory.located_here`, `mirrored`, `outcome.ImportedSession`,
`outcome.Tally`, `reader.Source`.
"""
