"""`Idempotency-Key`: a client that got no answer asks again, and what it asked for is done once."""
