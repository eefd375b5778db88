"""The OpenAPI document of a tenant: what everybody can ask, and each capability that it has as a path of its own."""
