"""Notifications: what somebody is to hear of, until they have read it."""
