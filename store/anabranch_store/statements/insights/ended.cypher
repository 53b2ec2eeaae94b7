// A part of statements: the position at which the insight i had ended, as of $until; null while it
// held. One that was superseded held again from the retraction of the newer one on.
CASE WHEN i.retired <= $until THEN i.retired WHEN i.lapses IS NULL THEN null
  ELSE head([k IN range(0, size(i.lapses) - 2, 2)
    WHERE i.lapses[k] <= $until AND i.lapses[k + 1] > $until | i.lapses[k]]) END
