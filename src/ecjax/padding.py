"""Sizes that arrays are filled up to, so that few shapes are compiled."""


def bucket(n: int, least: int = 1) -> int:
    """The smallest power of two that is at least `n` and `least`."""
    return 1 << (max(n, least, 1) - 1).bit_length()


def coarse_bucket(n: int, least: int = 1) -> int:
    """The smallest power of four that is at least `n` and `least`: for models, which take seconds to compile."""
    return 1 << 2 * ((max(n, least) - 1).bit_length() + 1 >> 1)
