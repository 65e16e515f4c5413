"""Shapes: the internal message and its events, the v0.1 wire forms, applications."""
