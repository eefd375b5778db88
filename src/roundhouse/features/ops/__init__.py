"""The operator's view: alive, ready, healthy, measured.

Probes for a supervisor, Prometheus metrics, the state of the machine and its memories, and `doctor`, which says
what is missing and how to mend it.
"""
