"""Asks a service what its users would: single requests, many requests, journeys; and compares the answers."""
