"""Ports that misbehave, each in its own way, and what a run must say of them. POSIX only."""

import sys
from typing import NamedTuple

_HEAD = """
import json, os, signal, sys, time
requests = map(json.loads, iter(sys.stdin.readline, ""))
def say(answer, end="\\n"): print(answer, end=end, flush=True)
def answer(r, **fields): say(json.dumps({"id": r["id"], **fields}))
def last():
    for r in requests: pass
def flood(descriptor, data):
    while True: os.write(descriptor, data)
def child():
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(PLACE, "w") as file: file.write(str(os.getpid()))
        time.sleep(600)
    while not (os.path.exists(PLACE) and os.path.getsize(PLACE)): time.sleep(0.01)
"""
STARTS = "answer(next(requests), ids=[0])\n"
_ASKED = "r = next(requests)\n"


class Port(NamedTuple):
    """A port: its code and the fault that it must be told, as a regular expression.

    Attributes:
      code: What it does, after `_HEAD`.
      fault: What its one failure says, from the beginning.
      waits: Whether the run has to wait for the time limit to know.
    """

    code: str
    fault: str
    waits: bool = False


def command(port: Port, place: str = "") -> list[str]:
    """What starts it. `place` is a file in which a child writes its number."""
    return [sys.executable, "-I", "-S", "-c", f"PLACE = {place!r}{_HEAD}{port.code}"]


def _wrote(line: str) -> str:
    """Starts well, and writes a line instead of its first answer."""
    return f"{STARTS}{_ASKED}say({line})"


PORTS = {
    # It does not come, or never ends.
    "hangs": Port(STARTS + "time.sleep(600)", "no answer within 0.5 s", waits=True),
    "hangs before its first answer": Port("time.sleep(600)", "it did not start: no answer within 0.5 s", waits=True),
    "never reads": Port(STARTS + "time.sleep(600)", "no answer within 0.5 s, nor was the request read", waits=True),
    "closes its input": Port(
        "r = next(requests)\nos.close(0)\nanswer(r)\ntime.sleep(600)",
        "it closed its input, and gave no answer within 0.5 s",
        waits=True,
    ),
    "closes its output": Port(
        STARTS + _ASKED + "os.close(1)\ntime.sleep(600)", "it closed its output and went on", waits=True
    ),
    "closes all and lives on": Port(
        STARTS + "[os.close(i) for i in range(3)]\ntime.sleep(600)", "it closed its output and went on", waits=True
    ),
    "stops itself": Port(
        STARTS + _ASKED + "os.kill(os.getpid(), signal.SIGSTOP)", "no answer within 0.5 s", waits=True
    ),
    "ignores signals": Port(
        "[signal.signal(i, signal.SIG_IGN) for i in (1, 2, 15)]\n"
        + STARTS
        + "for r in requests: answer(r, **RIGHT)\nwhile True: time.sleep(600)",
        "it did not end within 0.5 s of the end of its input",
        waits=True,
    ),
    "answers late": Port(
        STARTS + "for r in requests:\n    time.sleep(1.5)\n    answer(r, **RIGHT)", "no answer within 0.5 s", waits=True
    ),
    "writes half a line": Port(
        STARTS + _ASKED + "say('{\"id\": 2', end='')\ntime.sleep(600)",
        r"no whole line within 0.5 s, but b'\{\"id\": 2'",
        waits=True,
    ),
    "hangs when asked for its trace": Port(
        STARTS + "for r in requests: time.sleep(600) if r.get('trace') else answer(r, ids=[])",
        "a wrong answer: .*; asked for its trace: no answer within 0.5 s",
        waits=True,
    ),
    # It is too much.
    "writes one endless line": Port(STARTS + _ASKED + "flood(1, b'x' * 65536)", "an answer of more than [0-9,]+ bytes"),
    "writes endless spaces": Port(
        STARTS + _ASKED + "say('{\"id\": 2,', end='')\nflood(1, b' ' * 65536)", "an answer of more than [0-9,]+ bytes"
    ),
    "writes lines without end": Port(STARTS + _ASKED + "flood(1, b'y\\n' * 30000)", "no JSON but b'y'"),
    "writes errors without end": Port(STARTS + _ASKED + "flood(2, b'x' * 65536)", "no answer within 0.5 s", waits=True),
    "writes lines of errors without end": Port(
        STARTS + _ASKED + "flood(2, b'\\x1b[2J\\n' * 10000)", "no answer within 0.5 s", waits=True
    ),
    "nests lists": Port(_wrote("'[' * 60000"), "an answer nested more than 16 deep"),
    "nests objects": Port(_wrote("'{\"ids\":' * 9000"), "an answer nested more than 16 deep"),
    "nests in an answer": Port(
        _wrote("'{\"id\": 2, \"ids\": ' + '[' * 900 + ']' * 900 + '}'"), "an answer nested more than 16 deep"
    ),
    "writes a great many lists": Port(
        _wrote("'{\"id\": 2, \"ids\": [[]' + ', []' * 15000 + ']}'"), "an answer of more than [0-9,]+ fields"
    ),
    # It is nothing that JSON or an answer has.
    "writes words": Port(_wrote("'hello'"), "no JSON but b'hello'"),
    "writes a list": Port(_wrote("'[2]'"), r"no JSON object but b'\[2\]'"),
    "writes an open string of quotes": Port(_wrote("'\"' + '\\\\\"' * 20000"), "no JSON but"),
    "writes bytes that are no UTF-8": Port(STARTS + _ASKED + 'os.write(1, b\'{"id": 2, "\\xff": 1}\\n\')', "no UTF-8"),
    "writes UTF-16": Port(STARTS + _ASKED + "os.write(1, '{\"id\":2}'.encode('utf-16-le') + b'\\n')", "no JSON but"),
    "writes a number beyond all floats": Port(_wrote('\'{"id": 2, "ids": [1e999]}\''), "the number 1e999"),
    "writes a fraction": Port(_wrote('\'{"id": 2, "ids": [1.0]}\''), "the number 1.0"),
    "writes an integer of 5000 digits": Port(
        _wrote("'{\"id\": 2, \"ids\": [1' + '0' * 5000 + ']}'"), "an integer of 5,001 digits"
    ),
    "writes NaN": Port(_wrote('\'{"id": 2, "ids": [NaN]}\''), "NaN in an answer"),
    "writes a lone surrogate": Port(_wrote('\'{"id": 2, "text": "\\\\ud800"}\''), "a lone surrogate"),
    "writes a lone surrogate as a name": Port(_wrote('\'{"id": 2, "\\\\udfff": 1}\''), "a lone surrogate"),
    "writes its id twice": Port(_wrote('\'{"id": 2, "id": 2}\''), "the field 'id' twice"),
    "writes another id": Port(_wrote("'{\"id\": 99}'"), "an answer whose id is not 2"),
    "writes true for its id": Port(
        "next(requests)\nsay('{\"id\": true}')\nlast()", "it did not start: an answer whose id is not 1"
    ),
    "writes no id": Port(_wrote("'{}'"), "an answer whose id is not 2"),
    # It is not what was asked for.
    "writes two answers": Port(
        STARTS + _ASKED + 'say(\'{"id": 2}\\n{"id": 2}\')', "more than one line for one request: after the answer b'"
    ),
    "writes before it is asked": Port(
        "say('{\"id\": 1}')\nfor r in requests: answer(r, **RIGHT)\ntime.sleep(600)",
        "(it did not start: )?(it wrote what nobody had asked for|more than one line)|an answer whose id is not 2",
    ),
    "greets": Port(
        "say('Welcome!')\nlast()", "it did not start: (no JSON but|it wrote what nobody had asked for,) b'Welcome!"
    ),
    "says goodbye": Port(
        STARTS + "for r in requests: answer(r, **RIGHT)\nsay('bye')", "it wrote what nobody had asked for, b'bye"
    ),
    "answers with a trace that is a number": Port(
        STARTS + "for r in requests: answer(r, ids=[], trace=5)",
        r"a wrong answer: .*; its trace is no list of objects but 5",
    ),
    "answers with a trace of numbers": Port(
        STARTS + "for r in requests: answer(r, ids=[], trace=[5])",
        r"a wrong answer: .*; its trace is no list of objects but \[5\]",
    ),
    "answers with a trace of other types": Port(
        STARTS + "for r in requests: answer(r, ids=[], trace=[dict.fromkeys(('stage', 'row', 'byte', 'weight'), {})])",
        "a wrong answer: ",
    ),
    "answers with a long string": Port(
        STARTS + "for r in requests: answer(r, frequencies='x' * 50000)", "a wrong answer: freq"
    ),
    "says 1 for true": Port(STARTS + "for r in requests: answer(r, unsupported=1)", "a wrong answer: freq"),
    "answers with nothing": Port(STARTS + "for r in requests: answer(r, frequencies=None)", "a wrong answer: freq"),
    # It ends, and others do not.
    "exits at once": Port("sys.exit(0)", "it did not start: it ended, status 0"),
    "exits": Port(STARTS + _ASKED + "sys.exit(3)", "it ended, status 3"),
    "exits within a line": Port(STARTS + _ASKED + "say('{', end='')\nsys.exit(3)", r"it ended, status 3 after b'\{'"),
    "crashes": Port(STARTS + _ASKED + "os.kill(os.getpid(), signal.SIGSEGV)", "it crashed, signal 11"),
    "ends with another status": Port(
        STARTS + "for r in requests: answer(r, **RIGHT)\nsys.exit(4)", "it ended with status 4, not 0"
    ),
    "ends and leaves a child that holds its pipes": Port(STARTS + "child()\nos._exit(0)", "it ended, status 0"),
    "hangs, and so does its child": Port(STARTS + "child()\ntime.sleep(600)", "no answer within 0.5 s", waits=True),
    "ends well and leaves a child": Port(
        STARTS + "child()\nfor r in requests: answer(r, **RIGHT)\nos._exit(0)",
        "it ended and left processes behind that it had started: 1 of them",
    ),
    "ends and leaves a child that floods its pipes": Port(
        STARTS + "child()\nif os.fork() == 0: flood(2, b'x' * 65536)\nos._exit(0)", "it ended, status 0"
    ),
}
