"""Where a report goes: a folder of the project, an S3 bucket, a chat. What fails here never fails a deployment."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from fairway.deployment.report import render_html, summary
from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.aws.session import Aws

FOLDER: Final = ".fairway/reports"
_SECONDS: Final = 10


def write_report(report: Mapping[str, Any], root: Path) -> Path:
    """Both forms into the project's folder; the page's path.

    Raises:
        OSError: the folder cannot be written to.
    """
    return write_page(report, render_html(report), root)


def write_page(report: Mapping[str, Any], html: str, root: Path) -> Path:
    """A report and its page into the project's folder, under the name of its run; the page's path.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{report['run']}.json").write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
    page = folder / f"{report['run']}.html"
    page.write_text(html, encoding="utf-8")
    return page


def split_address(address: str) -> tuple[str, str]:
    """`s3://bucket/a/b` -> (`bucket`, `a/b/`). Pure.

    Raises:
        UsageError: it is no such address.
    """
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.netloc:
        raise UsageError(f"reports = {address!r} is no place in S3", hint='such as reports = "s3://bucket/prefix"')
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""


def upload_report(aws: Aws, report: Mapping[str, Any], address: str) -> str | None:
    """Both forms into S3; what went wrong, when something did."""
    bucket, prefix = split_address(address)
    client = aws.client("s3")
    try:
        for suffix, kind, text in (
            ("json", "application/json", json.dumps(report, default=str)),
            ("html", "text/html; charset=utf-8", render_html(report)),
        ):
            client.put_object(
                Bucket=bucket, Key=f"{prefix}{report['run']}.{suffix}", Body=text.encode(), ContentType=kind
            )
    except (ClientError, BotoCoreError) as error:
        return str(error)
    return None


def post_summary(report: Mapping[str, Any], webhook: str) -> str | None:
    """One sentence to a chat, in the format of Slack's incoming webhooks; what went wrong, without the address: it is a secret."""
    body = json.dumps({"text": summary(report)}).encode()
    try:
        request = urllib.request.Request(webhook, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - http(s) alone, checked when the file was read
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
            answer.read()
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except (OSError, HTTPException, ValueError) as error:
        return type(error).__name__
    return None
