"""Checks of your own models and tokenizers, for test suites: they say what is wrong, and what would be right.

    def test_my_model():
        ecjax.testing.check_model(MyModel())

A check that passes returns nothing. One that fails raises `BrokenPromise`, which is an AssertionError.
"""

from ecjax.testing.models import check_model
from ecjax.testing.promises import BrokenPromise
from ecjax.testing.tokenizers import check_tokenizer

__all__ = ["BrokenPromise", "check_model", "check_tokenizer"]
