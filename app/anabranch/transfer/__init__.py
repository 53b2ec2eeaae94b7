"""Events out of one log and into another: exports, imports, snapshots.

Others use: `append_events.Appended`, `append_events.append_events`, `check.Checked`,
`check.checked_lines`, `export.export_chained`, `export.export_lines`, `exported_line.line_of`,
`files.reading`, `files.replacing`, `files.writing`, `imports.Imported`, `imports.import_events`,
`manifest.verified_lines`, `manifest.verify_lines`, `snapshot`.
"""

from __future__ import annotations

from anabranch_events.earlier_names import earlier_names

__getattr__ = earlier_names(
    __name__,
    dict.fromkeys(("export_events", "import_events"), "anabranch.transfer.earlier"),
    now={
        "export_events": "Memory.transfer.export",
        "import_events": "Memory.transfer.import_lines",
    },
)
