// End the open transactions of one writer, in whatever process: their locks are let go at once.
// Returns a row for each {message}. Neo4j only: the embedded graph holds no lock before the commit.
SHOW TRANSACTIONS YIELD transactionId, metaData
WHERE metaData.anabranch_writer = $writer
TERMINATE TRANSACTIONS transactionId YIELD message
RETURN message
