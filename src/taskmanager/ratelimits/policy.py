"""Which limits there are, by the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from taskmanager.ratelimits.window import Limit

if TYPE_CHECKING:
    from taskmanager.settings import Settings


EVERYWHERE: Final = 20
"""So many addresses have to guess in vain until an account lets in nobody."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of this process."""

    user: Limit
    """All requests of one user."""
    address: Limit
    """Registering, signing in and refreshing, from one address."""
    account: Limit
    """Failed sign-ins to one account from one address: those that succeed cost nobody anything."""
    account_everywhere: Limit
    """The same from all addresses together: much higher, since whoever reaches it locks the owner out too."""
    unfinished_exports: int
    """Of a user, that no worker has written yet."""


def policy_of(settings: Settings) -> Policy:
    return Policy(
        user=Limit("user", settings.user_limit, 60, is_shared=False),
        address=Limit("address", settings.address_limit, 60, is_shared=True),
        account=Limit("account", settings.account_limit, 15 * 60, is_shared=True),
        account_everywhere=Limit("everywhere", settings.account_limit * EVERYWHERE, 15 * 60, is_shared=True),
        unfinished_exports=settings.export_limit,
    )
