"""What people bring along and want answers from: files, vector stores made of them, search, answers that cite."""
