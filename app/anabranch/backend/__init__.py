"""An open log and graph, and the projections that fill it.

Others use: `backend.Backend`, `backend.SharedBackend`, `embedder.opened_embedder`, `erasures`,
`gc_tuning.collect_seldom`, `generation_switch.move`, `log_damage.LOSS`, `log_damage.damage`,
`log_damage.rebuild_advice`, `projection_runner.MOVE`, `projection_runner.Projecting`,
`projector_peers.ask_projectors`, `tracing.OtelTracer`, `tracing.tracer_provider`.
"""
