"""What the engine knows, as frozen values: services, tasks, target groups, facts and actions."""
