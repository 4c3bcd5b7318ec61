"""Whole deployments in virtual time: the engine's own controllers over a store in memory, with the simulated runtime.

Nothing here opens a socket, starts a process or reads a clock. One seed gives one history.
"""
