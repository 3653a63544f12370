"""What stops a run is passed on as it is, and what fails in it is one line."""

from __future__ import annotations

import errno
from typing import NoReturn

import pytest

from ecjax.training.quiet import one_line_errors
from tests.training.runs import is_one_line


class Stopped(SystemExit):
    """As the command's own: made from another number than the one that it holds."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def raising(error: BaseException) -> NoReturn:
    try:
        raise ValueError("several\nlines \x1b[31m")
    except ValueError as cause:
        raise error from cause


@pytest.mark.parametrize("error", [Stopped(15), KeyboardInterrupt(), SystemExit("over")])
def test_requests_to_stop_are_passed_on(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        one_line_errors("it cannot be done", lambda: raising(error))
    assert caught.value is error and error.__cause__ is error.__context__ is None
    assert not isinstance(error, Stopped) or (error.number, error.code) == (15, 143)


def test_failures_are_one_line() -> None:
    with pytest.raises(OSError, match="it cannot be done: No space") as full:
        one_line_errors("it cannot be done", lambda: raising(OSError(errno.ENOSPC, "x")))
    assert full.value.errno == errno.ENOSPC
    with pytest.raises(ValueError, match="it cannot be done: ") as other:
        one_line_errors("it cannot be done", lambda: raising(RuntimeError("\n a\x1b[31m \nb")))
    assert is_one_line(other.value) and str(other.value).endswith(r"a\x1b[31m")
