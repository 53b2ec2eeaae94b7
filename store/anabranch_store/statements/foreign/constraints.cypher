// The constraints of the database; a row each, {name, type, labels, properties}. Neo4j only.
SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties
RETURN name, type, labelsOrTypes AS labels, properties
