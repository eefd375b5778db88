"""Control backends: what a provider has (its models) and, where it can be told, what it holds in memory."""
