"""Conformance of ports: stored and random cases, a program to run them against, and our side of the protocol.

specs/conformance.md describes the protocol. `ecjax.specs` are the specification's texts, cases and oracle.
"""
