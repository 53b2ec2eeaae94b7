"""Memories for the agent frameworks: LangGraph, LangChain, LlamaIndex, the OpenAI Agents SDK.

Others use: `framework.framework`.
"""
