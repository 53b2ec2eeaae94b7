// A part of statements: the weight of the association r after so many `steps`; null is after all.
CASE WHEN steps IS NULL THEN r.weight WHEN steps = 0 THEN r.formed_weight
  ELSE r.step_weights[steps - 1] END
