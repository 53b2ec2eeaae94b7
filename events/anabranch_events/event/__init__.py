"""An event: its types, its envelope, and its forms on the wire.

Others use: `binary_mode.structured`, `codec`, `content.FORGOTTEN`, `content.without_content`,
`envelope`, `fingerprint.fingerprint`, `identifiers`, `json_schema.event_schema`,
`recorded.Recorded`, `registry.REGISTRY`, `trace_context.TRACEPARENT`, `trace_context.traced`,
`trace_context.traceparent_here`, `types`.
"""
