"""Questions to people: who is asked, until when, what was answered. One question per task and step, whatever dies."""
