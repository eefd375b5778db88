"""Large files against a running server: speed, memory, and what other requests notice of it."""
