"""Files that are there whole or not at all."""

from pathlib import Path

import pytest

from ecjax import serialisation


@pytest.mark.rule("K-14")
@pytest.mark.parametrize("before", [None, b"before"])
@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(tmp_path: Path, before: bytes | None, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(error), serialisation.replacing(path) as file:
        file.write(b"a part")
        file.flush()
        assert [p.name for p in tmp_path.glob("*.partial")]
        assert (path.read_bytes() if path.exists() else None) == before
        raise error
    assert [p.name for p in tmp_path.iterdir()] == ["file"] * (before is not None)
    assert before is None or path.read_bytes() == before


def test_what_succeeds_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "new/file"
    for contents in (b"one", b"two"):
        with serialisation.replacing(path) as file:
            file.write(contents)
        assert [p.name for p in path.parent.iterdir()] == ["file"] and path.read_bytes() == contents


def test_only_a_file_is_replaced(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is there and is no file"), serialisation.replacing(tmp_path):
        pass
    with pytest.raises(ValueError, match="is there and is no file"):
        serialisation.write_bytes(Path("/dev/null"), b"")


def test_shipped_files_are_known_by_their_fingerprints() -> None:
    for name in serialisation.shipped():
        assert serialisation.shipped_name(serialisation.read_fingerprint(serialisation.resolve(name))) == name
    assert serialisation.shipped_name("0" * 64) is None
