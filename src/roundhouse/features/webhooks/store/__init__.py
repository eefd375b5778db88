"""Tables and SQL of the room."""
