"""Amazon ECS: clusters, task definitions, services, tasks, service deployments."""
