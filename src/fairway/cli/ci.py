"""Where this runs, when it is a CI job: its address stands in the account beside the verdict."""

from __future__ import annotations

import os


def ci_address() -> str | None:
    """The page of the CI run; None: this is none, or one that does not say."""
    if os.environ.get("GITHUB_RUN_ID"):
        server, repository = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
        return f"{server}/{repository}/actions/runs/{os.environ['GITHUB_RUN_ID']}" if server and repository else None
    for name in ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL"):
        if os.environ.get(name):
            return os.environ[name]
    return None
