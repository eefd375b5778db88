"""Answers in the making. A generation belongs to the server: who asked for it may come and go.

`Generations` begins and ends them, `Answering` runs one, `PieceWriter` commits the pieces of all of a process together,
`Guardian` ends those whose process has died. What readers see they read from the event stream, behind the commit.
"""
