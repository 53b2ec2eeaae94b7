"""One connection to a NATS server.

Others use: `address.with_user`, `address.without_secrets`, `client.Outbound`, `client.settled`,
`connection`, `inbox`, `parser.RECORD_REPLY`, `plain_connection.PlainConnection`,
`standstill.stood_still`.
"""
