"""Tasks: orders to do something, accepted with their idempotency keys, run at once where there is room, kept whole."""
