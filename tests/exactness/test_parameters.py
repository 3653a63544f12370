"""Every parameter that a primitive has in a supported release of JAX is stated by its rule.

A parameter that no rule states makes the audit refuse, so that a new release can never be misread; here it is seen
before a user meets it. parameters.json holds what each release has.
"""

from __future__ import annotations

import jax
import pytest

from tests.exactness import parameters

STATED = parameters.stated()
RELEASES = ("0.10.0", "0.10.1", "0.10.2", "0.11.0", "0.11.1", "0.11.2", "0.12.0", "0.12.0.1")


def test_every_primitive_with_a_rule_has_an_example() -> None:
    assert {*parameters.EXAMPLES, *parameters.UNBOUND} == set(STATED)


def test_every_supported_release_is_recorded() -> None:
    assert set(RELEASES) <= set(parameters.recorded())


@pytest.mark.parametrize("release", sorted({*parameters.recorded(), *RELEASES}))
def test_every_parameter_is_stated(release: str) -> None:
    unstated = parameters.unstated(parameters.recorded()[release])
    assert not unstated, f"no rule states these parameters of JAX {release}: {unstated}"


def test_some_release_has_each_primitive() -> None:
    had = {name for found in parameters.recorded().values() for name in found}
    # Names of before, which cost nothing to keep.
    assert set(STATED) - had <= set(parameters.UNBOUND)


@pytest.mark.slow
def test_this_release_is_as_recorded() -> None:
    table, release = parameters.recorded(), jax.__version__
    assert release in table, f"run `python -m tests.exactness.parameters`: JAX {release} is not recorded"
    assert parameters.parameters() == table[release], "run `python -m tests.exactness.parameters` anew"
