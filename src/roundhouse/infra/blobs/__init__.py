"""Bytes of files: a staging folder through which all of them come in, and the stores that keep them.

A key names its content by SHA-256 and ends in a random part: no key is ever written twice, so bytes can be removed
without a lock against whoever stores the same content anew. Which keys are in use is the business of the database.
"""
