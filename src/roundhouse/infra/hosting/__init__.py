"""Processes of their own for models that run on this machine: started on demand, met by all our processes.

Such a process meets its callers in the data folder (`infra/rendezvous`), does one piece of work at a time, and ends
with the process that started it, whatever ends that one.
"""
