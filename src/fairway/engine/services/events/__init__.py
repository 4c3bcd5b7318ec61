"""EventBridge: buses, rules and events."""
