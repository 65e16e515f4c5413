"""Switchboard: the code that every function shares."""

import gc

# What is imported stays, and a message leaves little behind that only this finds: looking as often as Python
# does by itself is a seventh of a cold start.
gc.set_threshold(50_000, 20, 50)
