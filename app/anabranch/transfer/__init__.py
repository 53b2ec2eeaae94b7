"""Events out of one log and into another: exports, imports, snapshots.

Others use: `check.Checked`, `check.checked_lines`, `exported_line.line_of`, `files.reading`,
`files.writing`, `manifest.verify_lines`, `snapshot`, `transfer.export_chained`,
`transfer.export_events`, `transfer.import_events`.
"""
