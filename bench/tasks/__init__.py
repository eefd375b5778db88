"""What it costs that a call is a task: kept, traced, not lost."""
