"""Looks at definitions and scripts for what ECS would refuse, and for what works otherwise than it reads. Offline.

    text (JSON, YAML, TOML, shell, Python, Markdown)  ->  Document (a value, and where each part of it stands)
    Document                                          ->  Entity (a task definition, a service, a script, …: by its content)
    all entities of a run                             ->  View  ->  the families of rules  ->  findings, less the ignored ones

The rules are pure: a family takes the view and yields findings. `sources.py` reads files, and `project.py` those of a project.
"""
