"""Quota plans: what a site, a user or an app may have done in a minute, a day and a month, and at a time.

Whoever makes tasks asks through the port `core.quotas.Quotas`, in the transaction that writes the task.
"""
