"""Rooms: one folder per promise of the README; no room imports another."""
