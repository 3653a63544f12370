"""The version of this package, as its installation says."""

from importlib.metadata import version

__version__ = version("ecjax")
