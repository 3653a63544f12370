"""All results of a grid as one page of tables, and its figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench._reproduce import claims, plots, tables
from bench._reproduce.results import Results
from ecjax import atomic


def write(out: Path, files: Iterable[Path]) -> None:
    """Writes `tables.md` and the figures of the runs in `files` into `out`."""
    results = Results(files)
    if not results.cells:
        raise ValueError(f"there are no results in {out} yet; run without --method, or with another")
    page = f"""# Results of this grid

Written by `python -m bench reproduce`; docs/reproduce.md explains it. Bits/byte are of
held-out text; ± is the standard deviation over seeds. "Below it" is how much of the uniform loss is gone.

## The paper's claims

{claims.table(results)}
## Compression (Tables 2, 9, 12)

{tables.compression(results)}
## Uniform and unigram bits/byte (Table 3)

{tables.baselines(results)}
## M2: bits/byte and FLOPs/byte (Tables 13, 15, 16)

{tables.losses(results)}
## Window codes

{tables.window_codes(results)}
## Figures

Fig. 3, bits/byte against FLOPs/byte:

![Fig. 3](fig3.svg)

Fig. 4, bits/byte against bytes per decoding step:

![Fig. 4](fig4.svg)

Fig. 5, sizes of windows:

![Fig. 5](fig5.svg)

Fig. 6, narrow and wide ids:

![Fig. 6](fig6.svg)

Fig. 10, predicted tokens by their position in the window, over training; dotted is chance:

![Fig. 10](fig10.svg)

Over training:

![training](training.svg)
"""
    atomic.write_bytes(out / "tables.md", page.encode())
    plots.draw(results, out)
