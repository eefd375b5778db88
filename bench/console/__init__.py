"""What the console does with much in it; see README.md."""
