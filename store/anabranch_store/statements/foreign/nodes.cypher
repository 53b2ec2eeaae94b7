// What others wrote to nodes with labels of ours: a row for each kind that was found, {label, count,
// ours, properties, labels}. `ours` says whether the nodes have the whole key of the label, by $keys;
// `properties` and `labels` are those that are not in $properties and no labels of ours.
MATCH (n:Agent|Checkpoint|Consolidation|DeadLetter|Entity|Generation|Insight|Note|Session|Vectors)
UNWIND [label IN labels(n) WHERE $keys[label] IS NOT NULL] AS label
WITH label, size([name IN $keys[label] WHERE n[name] IS NULL]) = 0 AS ours,
  [name IN keys(n) WHERE NOT name IN $properties[label] AND NOT name STARTS WITH $old] AS properties,
  [name IN labels(n) WHERE $keys[name] IS NULL] AS labels
WHERE NOT ours OR size(properties) > 0 OR size(labels) > 0
RETURN label, ours, properties, labels, count(*) AS count
