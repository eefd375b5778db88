"""Registrations of the old gateway: modules with paths of their own, served from then on and after a restart."""
