"""Vector stores: collections of files that are searched, in OpenAI's shapes."""
