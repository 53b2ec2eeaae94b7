// The full-text and vector indexes of the database; a row each, {name, labels, properties}. Neo4j only.
SHOW INDEXES YIELD name, type, labelsOrTypes, properties
WHERE type IN ['FULLTEXT', 'VECTOR']
RETURN name, labelsOrTypes AS labels, properties
