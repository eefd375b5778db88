"""What people bring along and want answers from.

So far files: uploaded as to OpenAI, kept once whatever their number of names, seen by their own tenant only, and
delivered so that no browser runs them. Other rooms get them as `core.ports.Files`.
"""
