"""Files of ours: the same bytes each time, read once from whatever gives bytes, and refused in one line if damaged."""

import io
import json
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import ecjax
from ecjax import serialisation
from ecjax.serialisation import Contents

KIND = "ecjax.test"
SETTINGS = {"b": 1, "a": {"z": [1, 2], "y": "\u00e9"}}
PROVENANCE = {"text": "\U0001f600", "command": None}
TENSORS = {"x": np.arange(6, dtype=np.uint16).reshape(2, 3), "y": np.array(2.5), "none": np.zeros((0, 4), np.int8)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    serialisation.write(tmp_path / "file", KIND, SETTINGS, TENSORS, PROVENANCE)
    return tmp_path / "file"


def header_of(file: bytes) -> tuple[dict, bytes]:
    end = 8 + int.from_bytes(file[:8], "little")
    return json.loads(file[8:end]), file[end:]


def joined(header: dict | str, data: bytes) -> bytes:
    raw = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def refused(file: bytes | Path | str, match: str, read: Callable = serialisation.read) -> None:
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    with pytest.raises(ValueError, match=match) as caught:
        read(source)
    assert type(caught.value) is ValueError and str(caught.value).isprintable() and len(str(caught.value)) < 600


# What the package ships.


def test_shipped_files_are_known_by_their_fingerprints() -> None:
    for name in serialisation.shipped():
        assert serialisation.shipped_name(serialisation.read_fingerprint(name)) == name
        contents = serialisation.read(name)
        assert contents.name == name and contents.kind.startswith("ecjax.")
        assert contents.fingerprint == serialisation.read_fingerprint(serialisation.resolve(name))
    assert serialisation.shipped_name("0" * 64) is None


# What is written.


def test_what_is_written_comes_back(path: Path) -> None:
    contents = serialisation.read(path, "ecjax.other", KIND)
    assert isinstance(contents, Contents)
    assert contents[:3] == (str(path), KIND, SETTINGS) and contents.provenance == PROVENANCE
    assert contents.fingerprint == serialisation.fingerprint(KIND, SETTINGS, TENSORS)
    assert contents.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert contents.tensors[name].dtype == tensor.dtype and not contents.tensors[name].flags.writeable
        np.testing.assert_array_equal(contents.tensors[name], tensor)


def test_other_libraries_read_it(path: Path) -> None:
    with safetensors.safe_open(path, framework="np") as file:
        assert file.metadata()["kind"] == KIND and sorted(file.keys()) == sorted(TENSORS)
    tensors = safetensors.numpy.load_file(path)
    assert all(np.array_equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


WRITE = """
import sys
from pathlib import Path
import numpy as np
from ecjax import serialisation
tensors = {name: np.arange(5, dtype=dtype) for name, dtype in [("b", "i1"), ("a", "i1"), ("c", "f4"), ("d", "u2")]}
tensors = dict(sorted(tensors.items(), reverse=bool(int(sys.argv[2]))))
settings = {name: 1 for name in (list("abc") if int(sys.argv[2]) else list("cab"))}
serialisation.write(Path(sys.argv[1]), "ecjax.test", settings, tensors, settings)
"""


def test_the_same_contents_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for i in range(4):
        environment = os.environ | {"PYTHONHASHSEED": str(i)}
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / f"{i}"), str(i % 2)], env=environment, check=True)
    assert len({(tmp_path / f"{i}").read_bytes() for i in range(4)}) == 1
    metadata = header_of((tmp_path / "0").read_bytes())[0]["__metadata__"]
    assert list(metadata) == sorted(metadata)


def test_the_same_contents_are_the_same_bytes_again_and_again(path: Path, tmp_path: Path) -> None:
    for _ in range(20):  # the library itself gives another order each time
        contents = serialisation.read(path)
        serialisation.write(tmp_path / "again", contents.kind, contents.settings, contents.tensors, contents.provenance)
        assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_arrays_of_any_layout_are_written_as_they_are(tmp_path: Path) -> None:
    plain = np.arange(12, dtype=np.int32).reshape(3, 4)
    for i, tensor in enumerate([plain, np.asfortranarray(plain), plain.astype(">i4"), np.repeat(plain, 2, 1)[:, ::2]]):
        serialisation.write(tmp_path / f"{i}", KIND, {}, {"x": tensor}, {})
        np.testing.assert_array_equal(serialisation.read(tmp_path / f"{i}").tensors["x"], plain)
        assert (tmp_path / f"{i}").read_bytes() == (tmp_path / "0").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_what_json_has_no_number_for_is_not_written(tmp_path: Path, value: object) -> None:
    for settings, provenance in (({"a": value}, {}), ({}, {"a": value})):
        with pytest.raises(ValueError, match="not JSON compliant"):
            serialisation.write(tmp_path / "file", KIND, settings, {}, provenance)
    with pytest.raises(ValueError, match="bytes, above 4194304"):
        serialisation.write(tmp_path / "file", KIND, {}, {}, {"log": "x" * 5_000_000})
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    name = b"a \xff name".decode("utf-8", "surrogateescape")
    serialisation.write(tmp_path / "file", KIND, {}, {}, {"text": name})
    assert serialisation.read(tmp_path / "file").provenance == {"text": "a ? name"}
    with pytest.raises(ValueError, match="its settings is no proper JSON"):
        serialisation.write(tmp_path / "file", KIND, {"text": name}, {}, {})
    deep: list = []
    for _ in range(40):
        deep = [deep]
    with pytest.raises(ValueError, match="its provenance is nested more than 32"):
        serialisation.write(tmp_path / "file", KIND, {}, {}, {"a": deep})
    serialisation.read(tmp_path / "file", KIND)


# Where it is read from.


def test_pipes_and_standard_input_are_read(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, read = serialisation.read(path), []
    os.mkfifo(tmp_path / "pipe")
    feeder = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(path.read_bytes()))
    feeder.start()
    read.append(serialisation.read(tmp_path / "pipe"))
    feeder.join()
    for file in (path.open("rb"), io.BytesIO(path.read_bytes()), path.open("rb", buffering=0)):
        with file:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file) if file.readable() else None)
            read.append(serialisation.read("-"))
            assert read[-1].name == "standard input"
    for contents in read:
        assert contents.fingerprint == whole.fingerprint and contents.provenance == whole.provenance
    monkeypatch.setattr(sys, "stdin", None)
    refused("-", "standard input is closed")


def test_what_gives_few_bytes_at_a_time_is_read(path: Path) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 3))

    assert serialisation.read(Slow(path.read_bytes()), KIND, name="slow").name == "slow"


def test_what_was_read_already_is_taken(path: Path) -> None:
    contents = serialisation.read(path)
    assert serialisation.read(contents, KIND) is contents
    with pytest.raises(ValueError, match=r"is not a file of kind ecjax\.a or ecjax\.b but ecjax\.test"):
        serialisation.read(contents, "ecjax.a", "ecjax.b")
    book = serialisation.read("books-12")
    assert ecjax.load_codebook(book).fingerprint == book.fingerprint
    assert ecjax.load_model(serialisation.read("m1-books")).exact


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing", "no\nname\x1b[31m", "\0", ""):
        refused(source, "neither a file nor one of the shipped names")
    for device in ("/dev/null", "/dev/zero", "/dev/urandom"):
        refused(device, "damaged or no ecjax file: its header is not of 2 to 4194304 bytes")


def test_it_is_read_without_jax() -> None:
    # The package itself is left out: what it imports is not this module's doing.
    folder = Path(serialisation.__file__).parent
    program = f"""
import sys, types
package = sys.modules["ecjax"] = types.ModuleType("ecjax")
package.__path__ = [{str(folder)!r}]
import ecjax.serialisation
assert not {{"jax", "jaxlib", "equinox", "jaxtyping"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# What is damaged.


def test_a_file_longer_or_shorter_than_it_says_is_refused(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    for end in range(len(whole)):
        refused(whole[:end], "damaged")
    refused(whole + b"\0", "it does not end after the 20 bytes of its arrays")
    # Of files that are large but hollow nothing is read, be it their header or their length that is wrong.
    for name, contents in (("long", whole), ("claims", joined(header_of(whole)[0] | CLAIM, b""))):
        (tmp_path / name).write_bytes(contents)
        os.truncate(tmp_path / name, 1 << 28)
        tracemalloc.start()
        refused(tmp_path / name, "it does not end after")
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken < 1 << 20


CLAIM = {"x": {"dtype": "U8", "shape": [1 << 50], "data_offsets": [0, 1 << 50]}}


def test_memory_is_taken_for_what_is_there_only(path: Path) -> None:
    refused(joined(header_of(path.read_bytes())[0] | CLAIM, b"few"), "it does not end after the 1125899906842624 bytes")
    refused(struct.pack("<Q", (1 << 22) + 1) + b"{", "its header is not of")
    refused(struct.pack("<Q", 1 << 22) + b"{", "its header is cut off")


def with_metadata(**fields: object) -> Callable[[bytes], bytes]:
    def change(file: bytes) -> bytes:
        header, data = header_of(file)
        return joined(header | {"__metadata__": header["__metadata__"] | fields}, data)

    return change


def with_entry(name: str = "x", **fields: object) -> Callable[[bytes], bytes]:
    def change(file: bytes) -> bytes:
        header, data = header_of(file)
        return joined(header | {name: header[name] | fields}, data)

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda file: joined("[]", b""), "its header is no JSON object"),
        (lambda file: joined("[" * 1000, b""), "its header is nested more than 32 levels deep"),
        (lambda file: joined('{"a":' * 33 + "1" + "}" * 33, b""), "nested more than 32 levels deep"),
        (lambda file: joined('{"a":1,"a":1}', b""), "a key comes twice"),
        (lambda file: joined('{"\\ud800":1}', b""), "its header is no proper JSON"),
        (lambda file: joined('{"a":NaN}', b""), "NaN is no finite number"),
        (lambda file: joined('{"a":1e400}', b""), "1e400 is no finite number"),
        (lambda file: joined('{"a":' + "9" * 5000 + "}", b""), "its header is no proper JSON"),
        (lambda file: joined("{}", b""), "none of ecjax's files: its header does not say of what kind it is"),
        (lambda file: joined({"__metadata__": []}, b""), "none of ecjax's files"),
        (lambda file: file[:8] + b"\xff" + file[9:], "its header is no proper JSON|damaged"),
        (with_metadata(kind=3), "its header has no kind, version, settings, fingerprint, provenance"),
        (with_metadata(settings={}), "its header has no kind"),
        (with_metadata(version="2"), "has version 2, of which this ecjax knows nothing, only 1"),
        (with_metadata(version="\n" * 1000), r"has version \\n"),
        (with_metadata(more=["text"]), "damaged"),
        (with_metadata(settings="[]"), "its settings is no JSON object"),
        (with_metadata(settings='{"b": 1, "b": 1}'), "a key comes twice"),
        (with_metadata(settings="[" * 100_000), "its settings is nested more than 32"),
        (with_metadata(provenance="[]"), "its provenance is no JSON object"),
        (with_metadata(provenance='{"a": "\\ud800"}'), "its provenance is no proper JSON"),
        (with_metadata(provenance='{"a": Infinity}'), "Infinity is no finite number"),
        (with_metadata(fingerprint="0" * 64), "its contents do not have its fingerprint"),
        (with_metadata(settings="{}"), "its contents do not have its fingerprint"),
        (with_entry(dtype="F8_E4M3"), "its header does not tell an array that is called x"),
        (with_entry(dtype="BF16"), "its header does not tell an array"),
        (with_entry(dtype=["U8"]), "its header does not tell an array"),
        (with_entry(shape=[True, 6]), "its header does not tell an array"),
        (with_entry(shape=[2.0, 3]), "its header does not tell an array"),
        (with_entry(shape=[-2, -3]), "its header does not tell an array"),
        (with_entry(shape="23"), "its header does not tell an array"),
        (with_entry(shape=[1] * 30), "its header does not tell an array"),
        (with_entry(shape=[3, 3]), "damaged"),
        (with_entry(shape=[1 << 63, 2]), "damaged"),
        (with_entry(data_offsets=[0]), "its header does not tell an array"),
        (with_entry(data_offsets=[0, 10**30]), "it does not end after"),
        (with_entry(data_offsets=[0, 12]), "damaged"),
        (with_entry(data_offsets=[20, 8]), "damaged"),
        (with_entry("none", shape=[0, 1 << 62]), "damaged"),
    ],
)
def test_what_no_writer_writes_is_refused(path: Path, change: Callable[[bytes], bytes], match: str) -> None:
    refused(change(path.read_bytes()), match)


def test_the_fingerprint_alone_needs_the_header_alone(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    assert serialisation.read_fingerprint(path) == serialisation.fingerprint(KIND, SETTINGS, TENSORS)
    refused(path, "damaged")
    path.write_bytes(b"")
    refused(path, "damaged", serialisation.read_fingerprint)


def test_a_target_that_takes_little_at_a_time_gets_all() -> None:
    whole, narrow = io.BytesIO(), Narrow()
    for target in (whole, narrow):
        serialisation.write(target, "kind", {}, {"x": np.arange(100)}, {})
    assert bytes(narrow.taken) == whole.getvalue()


class Narrow:
    """A target that takes at most seven bytes, and says so."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: bytes, /) -> int:
        self.taken += data[:7]
        return len(data[:7])
