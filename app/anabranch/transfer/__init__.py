"""Events out of one log and into another: exports, imports, snapshots.

Others use: `append_events.Appended`, `append_events.append_events`, `check.Checked`,
`check.checked_lines`, `export.export_chained`, `export.export_lines`, `exported_line.line_of`,
`files.reading`, `files.writing`, `import_events.Imported`, `import_events.import_events`,
`manifest.verified_lines`, `manifest.verify_lines`, `snapshot`.
"""
