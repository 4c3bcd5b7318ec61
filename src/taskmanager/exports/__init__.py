"""Exports of a project: asked of the API, written by the worker."""
