// Delete relationships by their elements; returns nothing.
MATCH ()-[r]->()
WHERE elementId(r) IN $elements
DELETE r
