"""Durable work: jobs that survive the death of whoever runs them.

`queue` accepts, cancels and retries; an `executor` process claims jobs and runs their pipelines; `durable` keeps the
output of every finished step; `membership` tells which executors live. The table `jobs` is the public truth.
"""
