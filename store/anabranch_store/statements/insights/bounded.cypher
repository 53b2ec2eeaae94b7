// A part of statements: the insights i that hold in $namespace and that a rule of retention is for:
// those of $kind, or where that is null of all kinds but $others.
i.namespace = $namespace AND i.current = true AND i.recorded_at IS NOT NULL
  AND (i.kind = $kind OR ($kind IS NULL AND NOT i.kind IN $others))
