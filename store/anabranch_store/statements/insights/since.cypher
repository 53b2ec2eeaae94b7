// A part of statements: since when the weight of the association r decays after so many `steps`, as
// text; null is after all.
CASE WHEN steps IS NULL THEN toString(coalesce(r.last_cited, r.recorded_at))
  ELSE coalesce(last([time IN r.step_times[0..steps] WHERE time <> '']), toString(r.recorded_at)) END
