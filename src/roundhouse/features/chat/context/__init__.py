"""What a model is told of a conversation: as much of it as fits, and always the question.

Pure functions over messages (`window`, `summary`) and a thin service that reads what they need.
"""
