"""The operator's view: alive, ready, healthy, measured; and everybody's view of jobs.

Probes for a supervisor, Prometheus metrics, the state of the machine and its memories, and `doctor`, which says
what is missing and how to mend it. Jobs are listed, followed, cancelled and tried again here, whichever room they
belong to; what was kept long enough is deleted once an hour.
"""
