"""Durable chats: the server owns the conversation and the generation.

Sessions and their messages are rows, branches included; what was acknowledged is on disk. Long-term memories of a user
can be read, edited and switched off. Generations belong to the server: a reader may come and go.
"""
