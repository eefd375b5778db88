"""Schema revisions, a resource folder: no code imports it."""
