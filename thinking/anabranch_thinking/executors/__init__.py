"""Executors: the work of a branch, by a function, a command or recall.

Others use: `access.ExecutorAccess`, `access.NO_KEYS`, `anthropic_chat.AnthropicExecutor`,
`anthropic_chat.TOKENS_MAX`, `base`, `callable.CallableExecutor`, `callable.Work`,
`chat.ChatExecutor`, `command.CommandExecutor`, `environment.unset`,
`github_actions.GitHubActionsExecutor`, `github_actions.SCHEME`, `http_call.HttpExecutor`,
`openai_chat.OpenAIExecutor`, `policy`, `recall.RecallExecutor`, `running.Running`.
"""
