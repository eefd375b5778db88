"""Capabilities: what can be done, by whom, with which input; registered, versioned, called."""
