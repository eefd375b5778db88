"""MCP both ways: our capabilities as tools at `/mcp`, other people's MCP servers as capabilities.

The SDK is loaded when somebody first asks, in a thread: it costs a second that no start should pay.
"""
