"""The commands as NATS request and reply.

Others use: `asyncapi.CommandSpecification`, `command_service.CommandService`,
`status_answers.answering_status`.
"""
