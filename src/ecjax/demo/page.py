"""A demonstration as an HTML page: one file, which loads nothing and runs no script."""

from __future__ import annotations

import jinja2
from markupsafe import Markup

from ecjax.demo import curves
from ecjax.demo.findings import Findings, Window
from ecjax.demo.wording import duration, pieces, readable


def render(findings: Findings) -> str:
    """The page. Whatever is put in is escaped, but for our own drawing."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ecjax.demo"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"about": _about, "grouped": _grouped, "scientific": _scientific}
    environment.filters.update(filters, pieces=pieces, readable=readable, duration=duration)
    drawing = Markup(curves.svg((findings.bytes_lm, findings.m2)))
    return environment.get_template("report.html").render(found=findings, drawing=drawing)


def _about(window: Window) -> str:
    """A window on one line."""
    count = len(window.string)
    return (
        f"id {window.id:,} · bits {_grouped(window.bits)} · {count} byte{'' if count == 1 else 's'} · "
        f"{repr(window.string)[1:]}"
    )


def _grouped(bits: str) -> str:
    """Binary digits in groups of four, from the left."""
    return " ".join(bits[i : i + 4] for i in range(0, len(bits), 4))


def _scientific(value: float) -> Markup:
    """A number as three digits and a power of ten."""
    digits, exponent = f"{value:.2e}".split("e")
    return Markup("{} &times; 10<sup>{}</sup>").format(digits, int(exponent))
