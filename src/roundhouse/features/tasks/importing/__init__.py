"""Capabilities from what describes them: OpenAPI documents, registrations of the old gateway, Postman collections.

What is read makes proposals, a proposal is compared with what is registered, and only what is applied changes
anything; what changes outside by itself is marked and waits to be approved.
"""
