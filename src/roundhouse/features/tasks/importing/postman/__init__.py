"""Postman collections of the format 2.1: read as an OpenAPI document would be, and written from capabilities."""
