"""Files of models and codebooks."""

from ecjax import serialisation


def test_shipped_files_are_known_by_their_fingerprints() -> None:
    for name in serialisation.shipped():
        assert serialisation.shipped_name(serialisation.read_fingerprint(serialisation.resolve(name))) == name
    assert serialisation.shipped_name("0" * 64) is None
