"""Methods are described once: by the protocol that they fulfil, or by the base. The reference shows that for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import griffe

PROTOCOLS = ["tokenizers.protocol.Tokenizer", "models.base.SymbolModel", "models.base.ByteModel"]


class FromProtocols(griffe.Extension):
    """Gives each method without a docstring the one of its base or its protocol."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Completes the docstrings of a package."""
        if pkg.name != "ecjax":
            return
        protocols = [pkg[name] for name in PROTOCOLS]
        for owner in _classes(pkg):
            for member in owner.members.values():
                begins = member.name == "__init__" and member.docstring is None
                if not member.is_alias and (begins or lacks(member)):
                    member.docstring = _inherited(member, [*owner.mro(), *protocols])


def lacks(member: griffe.Object | griffe.Alias) -> bool:
    """Whether a member is a public method or property without a docstring."""
    described = member.docstring is not None or member.name.startswith("_")
    return not described and (member.is_function or "property" in member.labels)


def _inherited(member: griffe.Object | griffe.Alias, owners: list[Any]) -> griffe.Docstring | None:
    for owner in owners:
        base = owner.members.get(member.name)
        if base is not None and base is not member and base.docstring is not None:
            return griffe.Docstring(base.docstring.value, parent=member)  # type: ignore[arg-type]
    return None


def _classes(module: griffe.Module) -> Iterator[griffe.Class]:
    yield from (thing for thing in module.classes.values() if isinstance(thing, griffe.Class))
    for inner in module.modules.values():
        if isinstance(inner, griffe.Module):
            yield from _classes(inner)
