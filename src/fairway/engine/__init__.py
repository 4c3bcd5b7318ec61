"""The local cloud: an ECS-compatible engine behind AWS's own API on one machine."""
