"""The command `ecjax`. What a command needs is imported when it runs: help and `info` need no JAX."""

from ecjax.cli.app import app, main

__all__ = ["app", "main"]
