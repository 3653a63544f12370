"""What corpora say where an optional dependency is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_extras import WITHOUT

CORPUS = "from ecjax.corpora import tokenize_corpus as t\nt([{source!r}], 'out', processes=1, format={format!r})"
EXTRA = "pip install 'ecjax[corpora]'"


@pytest.mark.slow
@pytest.mark.parametrize(
    "missing, program, said",
    [
        ("array_record", CORPUS.format(source="text", format="arrayrecord"), f"need array_record: {EXTRA}"),
        ("pyarrow", CORPUS.format(source="text", format="parquet"), f"need pyarrow: {EXTRA}"),
        ("pyarrow", CORPUS.format(source="text.zst", format="arrayrecord"), f"text.zst needs pyarrow: {EXTRA}"),
        ("pyarrow", CORPUS.format(source="text.parquet", format="arrayrecord"), f"text.parquet needs pyarrow: {EXTRA}"),
        ("fsspec", CORPUS.format(source="s3://a", format="arrayrecord"), f"s3://a needs fsspec: {EXTRA}"),
        ("pyarrow", "import ecjax.corpora.ray", "ecjax.corpora.ray needs pyarrow: pip install 'ecjax[ray]'"),
        ("apache_beam", "import ecjax.corpora.beam", "ecjax.corpora.beam needs apache_beam: pip install 'ecjax[beam]'"),
        ("pyarrow fsspec", CORPUS.format(source="text", format="arrayrecord"), ""),
    ],
    ids=range(8),
)
def test_what_is_missing_is_named_with_its_extra(tmp_path: Path, missing: str, program: str, said: str) -> None:
    for name in ("text", "text.zst", "text.parquet"):
        (tmp_path / name).write_bytes(b"It was the best of times.")
    code = WITHOUT.format(missing=missing.split()) + program
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode == 0) == (not said), result.stderr
    if said:
        last = result.stderr.splitlines()[-1]
        assert last.startswith("ImportError: ") and last.endswith(said), result.stderr
    else:
        assert (tmp_path / "out/index.json").exists()
