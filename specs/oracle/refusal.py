"""What happens with input that is not valid: the specification names a cause for each kind of it."""

from collections.abc import Sequence


class Refused(ValueError):
    """Input that is refused; its only argument is the cause, one word of specs/conventions.md."""

    @property
    def cause(self) -> str:
        """The word."""
        return self.args[0]


def require(condition: bool, cause: str) -> None:
    """Raises Refused with this cause unless the condition holds."""
    if not condition:
        raise Refused(cause)


def require_range(numbers: Sequence[int], low: int, high: int, cause: str) -> None:
    """Raises Refused with this cause unless every number is from `low` to `high`."""
    require(all(low <= x <= high for x in numbers), cause)
