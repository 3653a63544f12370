"""Stored cases, and the script that makes them."""
