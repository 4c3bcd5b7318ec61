"""Rate limits: how often somebody may ask."""
