"""Measurements against the paper's codes and against peers: `python -m bench NAME --json OUT`."""
