"""Files: uploaded as to OpenAI, kept once whatever their number of names, and delivered so that no browser runs them.

Each is seen by its own tenant only. Other rooms get them as `core.ports.Files`.
"""
