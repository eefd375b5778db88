"""What a durable stream costs over a plain one, and what its readers cost."""
