"""Gateway benchmark: Roundhouse beside nginx and the LiteLLM proxy. Run it as ``python -m bench.gateway``."""
