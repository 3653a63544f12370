"""What wants an accelerator runs in miniature, says what failed, and stops in time."""

import json
import math

import pytest

from bench import device


@pytest.mark.slow
def test_sections_run_in_miniature(tmp_path):
    out = tmp_path / "device.json"
    device.measure(miniature=True, section=["backends", "streams"], out=out)
    written = json.loads(out.read_text())
    assert written["settings"]["miniature"] and written["settings"]["device"]
    rows = {row["section"]: row for row in written["results"]}
    assert list(rows) == ["backends", "streams"]
    assert "stream.encode" in rows["backends"]["rows"]
    assert all(figures["ok"] for row in rows.values() for figures in row["rows"].values())
    assert all(row["runs"] == len(row["rows"]) and not row["left_out_for_time"] for row in rows.values())


def test_an_unknown_section_is_refused():
    with pytest.raises(ValueError, match=r"sections are golden, .*, not speed"):
        device.measure(miniature=True, section=["speed"])


def refuse() -> dict[str, object]:
    raise RuntimeError("no such kernel")


def test_what_fails_is_told_and_stops_nothing(tmp_path, monkeypatch):
    runs = [("wrong", lambda: {"ok": False}), ("broken", refuse), ("right", lambda: {"ok": True, "rate": 1.5})]
    monkeypatch.setattr(device, "_SECTIONS", {"first": (lambda small: iter(runs), 1), "second": (broken_section, 1)})
    out = tmp_path / "device.json"
    with pytest.raises(ValueError, match="first: wrong; first: broken; second: the section itself"):
        device.measure(miniature=True, out=out)
    first, second = json.loads(out.read_text())["results"]
    assert first["failed"] == ["wrong", "broken"]
    assert first["rows"]["broken"]["error"] == "RuntimeError: no such kernel"
    assert first["rows"]["right"]["rate"] == 1.5
    assert second["failed"] == ["the section itself"]


def broken_section(small):
    refuse()
    yield


def test_what_does_not_fit_is_no_fault():
    def fill():
        raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")

    found = device._section("any", iter([("large", fill)]), until=math.inf)
    assert found["failed"] == [] and found["rows"]["large"]["ok"] is None


def test_what_there_is_no_time_for_is_left_out():
    found = device._section("any", iter([("late", refuse)]), until=-math.inf)
    assert (found["runs"], found["failed"], found["left_out_for_time"]) == (0, [], ["late"])
