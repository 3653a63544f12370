"""The version of this package, as its installation says."""

from importlib.metadata import version

__version__ = version("ecjax")
"""The version of this package, such as "0.2.0"."""
