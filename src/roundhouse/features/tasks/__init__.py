"""The task gateway: what other people's modules can do, behind one API, with one trace and no lost work.

A capability is something that can be done, with schemas; a task is one order to do it, a job of the kind `task`; a flow
is several capabilities with backups and, at its end, a person. Every attempt is kept whole.
"""
