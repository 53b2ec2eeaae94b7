"""Sessions that agent tools wrote, brought into the log: readers, and what becomes what.

Others use: `choice.Choice`, `databases.copy_below`, `drift.note_unknown_records`,
`drift.unknown_records`, `following.Following`, `importer.ImportOptions`, `importer.Importer`,
`inventory.FoundSessions`, `inventory.inventory`, `inventory.located_here`, `lines.records`,
`mirrored`, `outcome.ImportedSession`, `outcome.Tally`, `reader.Source`, `records.Broken`,
`redaction.Redaction`, `spans`, `values.object_of`, `values.objects_of`.
"""
