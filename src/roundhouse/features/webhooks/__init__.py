"""Events out of the house: to whoever asks to be told, and to whoever asks.

A webhook is told of the events that it names, signed, at least once each, in any order; whatever is killed meanwhile,
none is lost, for the table of events is itself the outbox. The same events can be pulled, from any of them on.
"""
