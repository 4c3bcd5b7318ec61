"""Staying signed in: refresh tokens, each good for one use, in families of which a stolen one ends all."""
