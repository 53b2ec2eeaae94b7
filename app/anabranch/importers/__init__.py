"""Sessions that agent tools wrote, brought into the log: readers, and what becomes what.

Others use: `choice.Choice`, `importer.ImportOptions`, `importer.Importer`,
`inventory.FoundSessions`, `inventory.inventory`, `inventory.located`, `outcome.ImportedSession`,
`outcome.Tally`, `reader.Source`, `watching.Watching`.
"""
