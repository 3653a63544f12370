"""The definitions in plain Python: big integers, standard library only, no dependency on ecjax.

`python -m specs.oracle` answers requests as specs/conformance.md has them, one JSON object a line.
"""
