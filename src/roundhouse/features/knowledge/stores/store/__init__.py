"""SQL of vector stores and what is in them."""
