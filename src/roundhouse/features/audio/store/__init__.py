"""SQL of recordings, segments and templates."""
