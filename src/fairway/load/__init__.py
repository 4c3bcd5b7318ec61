"""Requests at a steady rate to an address of this machine, with latencies and failures counted honestly."""
