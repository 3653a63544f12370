"""The oracle as a program that a conformance run can talk to."""

import sys

from .protocol import serve

serve(sys.stdin, sys.stdout)
