"""Pages of files as they look: where a citation points, a person can see the page."""
