"""Answers from documents: numbered passages, a model that is told to cite them, and what its answer is worth.

`service` is the verb `ask`, `grounding` the same for chats. Pure: `standalone` makes a question whole, `material`
takes passages apart, `evidence` says whether they bear on it, `quoting` chooses sentences, `prompting` numbers and
fences passages, `inert` takes links and images out of what a model says, `citing` reads its marks, `checking` compares
its sentences with the passages.
"""
