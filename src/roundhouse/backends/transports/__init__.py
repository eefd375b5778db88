"""Ways to whoever does a capability."""
