"""Chats out of here and into here: files that people take along, and histories of other programs.

Readers and writers are pure: bytes and rows in, bytes and `Whole` sessions out. The service writes what was read.
"""
