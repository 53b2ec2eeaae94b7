"""The commands as NATS request and reply.

Others use: `asyncapi.commands_document`, `asyncapi.event_in`, `command_service.CommandService`,
`id_answers.answering_ids`, `status_answers.answering_status`.
"""
