"""The commands as NATS request and reply.

Others use: `asyncapi.commands_document`, `asyncapi.event_in`, `command_service.CommandService`,
`status_answers.answering_status`.
"""
