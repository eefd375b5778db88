"""A Llama of under a million weights that is taught from scratch to answer some questions exactly.

For tests with a real model server: it answers `pairs.json` word for word in four languages, remembers who introduced
themselves earlier in the conversation, and goes on with an answer that was cut anywhere. Anything else it answers with
nonsense. Teaching takes some minutes on one core and needs PyTorch:

    make tiny-llama
"""
