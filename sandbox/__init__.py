"""The local stack: the shipped template deployed into an emulator, and simulated carriers. Never deployed."""
