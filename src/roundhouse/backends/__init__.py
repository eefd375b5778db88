"""Tools: one file per vendor behind a seam; each imports core and its own vendor library only."""
