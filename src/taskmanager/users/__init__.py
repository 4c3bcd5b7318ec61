"""People: they register, sign in, and own what they make."""
