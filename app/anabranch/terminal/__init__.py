"""Output on a terminal: tables, trees, pictures and progress.

Others use: `associated.associated_table`, `counting.counted`, `event_lines.checked_line`,
`event_lines.event_line`, `event_lines.opaque_note`, `insights.insight_table`, `listing.listing`,
`load_picture.keys_that_end`, `load_picture.live_picture`, `load_picture.load_picture`,
`narrator.Story`, `output.Output`, `output.warning_line`, `output.write_error`, `past.diff_picture`,
`past.life_lines`, `rebuild_progress.rebuild_progress`, `recall_table.hits_table`,
`recall_table.lanes_line`, `recall_why.lane_lines`, `sessions.session_panel`,
`sessions.session_tree`, `sessions.sessions_table`, `settled`, `short_id.short_id`,
`thought_tree.ThoughtPicture`, `thought_tree.duration`, `thought_tree.outcome`,
`transcripts.found_table`, `transcripts.import_summary`, `work_tables.stats_table`,
`work_tables.task_table`, `work_tables.worker_table`.
"""
