"""OpenAI's Realtime API in transcription mode, `WS /v1/realtime`: what is said, while it is said.

`turns` finds where somebody speaks, `intake` makes items of it, `listening` hears them again and again as they grow,
`agreement` decides which of their words are sure, `session` speaks with the client in the events of `events`.
"""
