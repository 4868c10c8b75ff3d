"""What keeps Likeness from being installed or removed, as a sentence and a remedy."""

from __future__ import annotations

from engine.errors import LikenessError


class InstallError(LikenessError):
    """What was begun has been undone when this reaches the user."""

    code = "install_failed"
