"""What the process tells its operator: logs without secrets, and metrics with bounded labels."""
