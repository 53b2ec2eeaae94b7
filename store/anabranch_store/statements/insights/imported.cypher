// A part of statements: whether the insight i was imported from a transcript of one of $tools, which
// tags it and names its record as a source.
any(tool IN $tools WHERE tool IN coalesce(i.tags, [])
  AND any(source IN coalesce(i.sources, []) WHERE source STARTS WITH tool + ':'))
