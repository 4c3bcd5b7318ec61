"""Which limits there are, by the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskmanager.ratelimits.window import Limit

if TYPE_CHECKING:
    from taskmanager.settings import Settings


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of this process."""

    user: Limit
    """All requests of one user."""
    address: Limit
    """Registering, signing in and refreshing, from one address."""
    account: Limit
    """Failed sign-ins to one account, from wherever: those that succeed cost nobody anything."""


def policy_of(settings: Settings) -> Policy:
    return Policy(
        user=Limit("user", settings.user_limit, 60, is_shared=False),
        address=Limit("address", settings.address_limit, 60, is_shared=True),
        account=Limit("account", settings.account_limit, 15 * 60, is_shared=True),
    )
