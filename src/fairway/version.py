"""The version of Fairway; the package's own is read from here."""

from typing import Final

VERSION: Final = "0.1.0"
