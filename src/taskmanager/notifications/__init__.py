"""Notifications: what somebody should see, until they have."""
