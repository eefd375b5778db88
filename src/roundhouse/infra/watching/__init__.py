"""Folders of which files are taken in: each once, none before it is whole, none from elsewhere.

What becomes of them is a room's business (`inbox.Inbox`). One process of an installation looks at a folder at a time.
What was taken stands in the database, written in the transaction in which it came in: whoever dies, whenever, the next
one goes on and takes nothing twice.
"""
