"""What is done to a recording, a module per stage. Each writes what it made before it ends, and may be run again."""
