"""One connection to a NATS server.

Others use: `address.with_user`, `address.without_secrets`, `client.settled`,
`connection.Connection`, `connection.Locate`, `connection.RETRY_PAUSE_S`, `inbox`,
`parser.RECORD_REPLY`, `plain_connection.PlainConnection`.
"""
