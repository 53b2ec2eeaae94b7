// The full-text or vector index named $name; one row {labels, properties, analyzer}, or none. Neo4j only.
SHOW INDEXES YIELD name, labelsOrTypes, properties, options
WHERE name = $name
RETURN labelsOrTypes AS labels, properties, options.indexConfig['fulltext.analyzer'] AS analyzer
