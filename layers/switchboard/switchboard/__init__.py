"""Switchboard: the code that every function shares."""
