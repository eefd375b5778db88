"""Vector stores: in the database and in memory, by PostgreSQL's extension, on a Milvus server."""
