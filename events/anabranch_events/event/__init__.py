"""An event: its types, its envelope, and its forms on the wire.

Others use: `binary_mode.structured`, `codec`, `complaint`, `construction.construct_event`,
`construction.construct_facts`, `content.FORGOTTEN`, `content.without_content`, `envelope.Event`,
`envelope.Receipt`, `envelope.new_event`, `fingerprint.fingerprint`, `identifiers`,
`json_schema.event_schema`, `recorded.Recorded`, `registry.REGISTRY`, `sealing`, `trace_context`,
`types`.
"""

from __future__ import annotations

from anabranch_events.earlier_names import earlier_names

__getattr__ = earlier_names(
    __name__,
    dict.fromkeys(
        ("Event", "Receipt", "decode", "decode_unchanged", "encode", "new_event"),
        "anabranch_events",
    ),
)
