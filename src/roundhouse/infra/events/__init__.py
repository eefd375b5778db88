"""The ONE event stream: rows appended in the transaction of the change they tell, read by whoever came too late.

`store.append` writes; `EventTail` of a process reads each row once and hands it to every reader in memory; `sse`
turns a topic into server-sent events that can be taken up again after any of them.
"""
