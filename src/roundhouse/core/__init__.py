"""Foundation: errors, types, ports, registry, settings, ids. Stands on the standard library, pydantic and msgspec."""
