"""Access: who may do what, how much of it, and what was done.

Keys with scopes, models, routes, limits and an end; callers by key, JWT or signed headers; budgets and rate
limits; usage per key, tenant and model; an append-only audit log. A key is never wider than the one that made
it, and a revoked key fails in every process within a second.
"""
