"""Deploys, watches, explains and rolls back by what ECS says."""
