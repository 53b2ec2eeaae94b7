// Which of $objects an insight has among its sources, of any namespace, other than $ids; one row an
// object: name.
MATCH (i:Insight)
WHERE i.sources IS NOT NULL AND NOT i.id IN $ids
UNWIND i.sources AS source
WITH source WHERE source STARTS WITH 'object:' AND substring(source, 7) IN $objects
RETURN DISTINCT substring(source, 7) AS name
