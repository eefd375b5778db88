"""The only ways out of the house over HTTP.

Addresses the operator configured are trusted, except link-local and metadata addresses; addresses that users
give must be public. What is checked is the address that is dialled, never the name alone.
"""
