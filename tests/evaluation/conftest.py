"""The small sets of renders that training is tested with."""

from tests.training.conftest import one_thread, tiny_data

__all__ = ["one_thread", "tiny_data"]
