"""The reader of OpenTelemetry's spans, and what libraries write otherwise than its conventions.

Others use: `openinference.is_wanted`, `otel.OtelReader`.
"""
