"""Pipes: database, cache, outgoing HTTP, the web edge, authentication, probes, telemetry."""
