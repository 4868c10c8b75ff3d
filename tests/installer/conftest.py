"""A user for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installer.stand_in import User, make_user


@pytest.fixture
def user(tmp_path: Path) -> User:
    return make_user(tmp_path)
