"""Chat backends: they take and give the OpenAI chat wire format."""
