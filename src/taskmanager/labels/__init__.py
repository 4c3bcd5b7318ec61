"""Labels: of a project, on its tasks."""
