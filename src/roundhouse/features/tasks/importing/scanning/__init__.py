"""A folder of Python to an OpenAPI document and what wraps it, by reading alone: nothing of it is ever executed."""
