"""What a load balancer answers by itself, in ALB's words. Source: answers of Application Load Balancers."""

from __future__ import annotations

from typing import Final

SERVER: Final = "awselb/2.0"
_TITLES: Final = {
    301: "Moved Permanently",
    302: "Found",
    400: "Bad Request",
    405: "Not Allowed",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


def page(status: int) -> str:
    """The body of an answer that the load balancer makes; the 502 has 122 bytes, as ALB's."""
    title = f"{status} {_TITLES[status]}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "</body>\r\n</html>\r\n"
    )
