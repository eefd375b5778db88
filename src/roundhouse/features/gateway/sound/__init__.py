"""OpenAI's audio API: `/v1/audio/transcriptions`, `/v1/audio/translations`, `/v1/audio/speech`.

A recording is read to the disk as it arrives, decoded in a child process, heard by the engine's recognisers, and what
nobody said is taken out. Nothing of it is kept.
"""
