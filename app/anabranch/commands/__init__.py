"""The commands as NATS request and reply.

Others use: `asyncapi.CommandSpecification`, `command_service.CommandService`,
`id_answers.answering_ids`, `status_answers.answering_status`.
"""
