"""The record of a run in its folder, `run.json`: all that its result depends on, and how far its results are kept."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
from jax.sharding import Mesh

from ecjax import atomic
from ecjax.checks import check_integer
from ecjax.models.transformer import Transformer
from ecjax.printable import printable
from ecjax.training.batches import fingerprint
from ecjax.training.own import LanguageModel, Method, describe_model
from ecjax.training.settings import TrainingSettings

NAME = "run.json"
CHECKPOINTS = "checkpoints"

_PACKAGES = ("ecjax", "jax", "jaxlib", "optax", "equinox", "grain", "numpy")
_FIELDS = ("settings", "model", "inputs", "weights", "batch", "versions", "devices", "recorded", "checksum")
_LARGEST = 1 << 24  # bytes; what is longer is no record
_FINGERPRINT = re.compile("[0-9a-f]{40,}")
_AT_MOST = 6  # differences that a message names
_LONGEST = 67  # characters of a name or a value in it


def describe(
    method: Method,
    model: LanguageModel,
    batch: Any,
    inputs: Mapping[str, Any] | None,
    description: Mapping[str, Any] | None = None,
    mesh: Mesh | None = None,
) -> dict:
    """All that a run's result depends on, as JSON holds it.

    Args:
      method: Of the run.
      model: Where it begins.
      batch: The first batch.
      inputs: What else there is, by names of the caller's.
      description: What the caller's own optimiser and loss are, in their words.
      mesh: The caller's own, which the model may be spread over.

    Raises:
      ValueError: If `inputs` or `description` is not JSON, or an optimiser or loss of one's own is not described.
    """
    devices = jax.devices()
    given = _json_of("inputs", inputs)
    own: dict = {"description": _json_of("description", description)} if description is not None else {}
    if method.own:
        if not description:
            raise ValueError(
                f"a run in a folder goes on only with the same {' and '.join(method.own)}, and functions cannot be "
                "compared; describe yours in train(..., description={...}), as JSON with names of your own"
            )
        own["own"] = method.own
    if mesh is not None:
        own["mesh"] = {"axes": {name: mesh.shape[name] for name in mesh.axis_names}, "spread": _spread(model)}
    return own | {
        "settings": _as_json(method.settings),
        "model": model.config.settings() if isinstance(model, Transformer) else describe_model(model),
        "inputs": given,
        "weights": fingerprint(model),
        "batch": fingerprint(batch),
        "versions": {name: _version(name) for name in _PACKAGES},
        "devices": {"count": len(devices), "kind": devices[0].device_kind, "processes": jax.process_count()},
    }


def read(directory: Path) -> dict | None:
    """The record in a folder, or None if the folder holds no run or is not there.

    Raises:
      ValueError: If there is something else than a folder, a damaged record, or checkpoints without a record.
    """
    path = directory / NAME
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"{directory} is no folder; name one for the run, or one that is not there yet")
    if not path.exists():
        if (directory / CHECKPOINTS).exists():
            raise ValueError(f"{directory} has checkpoints but no {NAME}, which says of what run; use another folder")
        return None
    if not path.is_file() or path.stat().st_size > _LARGEST:
        raise ValueError(_damaged(path))
    try:
        record = json.loads(path.read_bytes(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError(_damaged(path)) from None
    if not isinstance(record, dict):
        raise ValueError(_damaged(path))
    missing = [field for field in _FIELDS if field not in record]
    if missing:
        raise ValueError(
            f"{path} does not say {', '.join(missing)}: it is damaged, or an older ecjax wrote it; use another folder"
        )
    if record.pop("checksum") != _checksum(record):
        raise ValueError(_damaged(path))
    return record


def write(directory: Path, record: dict) -> None:
    """Writes a record, whole or not at all. Raises OSError if the disk is full, say."""
    contents = json.dumps(record | {"checksum": _checksum(record)}, indent=2)
    try:
        atomic.write_bytes(directory / NAME, f"{contents}\n".encode())
    except OSError as error:
        raise OSError(error.errno, f"{directory / NAME} cannot be written: {error.strerror}") from None


def going_on(directory: Path, now: dict, was: dict | None) -> dict:
    """The record that a run has once it goes on.

    Args:
      directory: Of the run, for messages.
      now: What the run's result depends on now (`describe`).
      was: The record in the folder.

    Raises:
      ValueError: If it is another run, or one that cannot be extended yet.
    """
    if was is None:
        return now | {"recorded": 0}
    legs, before = now["settings"]["extended"], was["settings"]["extended"]
    one_more = legs[:-1] == before and len(legs) == len(before) + 1
    compared = was | {"settings": was["settings"] | {"extended": legs}} if one_more else was
    _check_same(directory, now, {key: value for key, value in compared.items() if key != "recorded"})
    if one_more and not is_finished(was):
        raise ValueError(f"the run in {directory} is not finished, so it cannot be extended yet; finish it first")
    return now | {"recorded": was["recorded"]}


def is_finished(record: dict) -> bool:
    """Whether a run's last step is done and its results are kept."""
    return record["recorded"] == record["settings"]["steps"] + sum(record["settings"]["extended"])


def extended_settings(directory: Path, settings: TrainingSettings, extend: int | None = None) -> TrainingSettings:
    """Gives the settings with which `train` goes on with the run in a folder, or extends it. It changes no file.

    To extend a run is to add a *leg*: more steps, after it is finished. If the last leg is not finished, it is not
    added a second time. So the same call with the same `extend` goes on with it after a stop.

    Args:
      directory: The run's folder. It need not be there.
      settings: The settings that the run was begun with. Their `extended` is ignored: the folder says what legs it has.
      extend: How many steps the new leg has. If the last leg is not finished, the number of its steps. None adds none.

    Returns:
      The settings for `train`: those given, with all legs in `extended`.

    Raises:
      ValueError: If the folder holds a run with other settings, or a damaged one. With `extend`, also if it holds no
        run, or one that is not finished and whose last leg has another number of steps.
    """
    if extend is not None:
        check_integer("the number of steps to extend by", extend, 1)
    was = read(Path(directory))
    if was is None:
        if extend is not None:
            raise ValueError(f"{directory} holds no run that could be extended; train one there first")
        return settings
    legs = tuple(was["settings"]["extended"])
    settings = dataclasses.replace(settings, extended=legs)
    _check_same(directory, {"settings": _as_json(settings)}, {"settings": was["settings"]})
    if extend is None:
        return settings
    if is_finished(was):
        return dataclasses.replace(settings, extended=(*legs, extend))
    if legs and legs[-1] == extend:
        return settings
    last = f"its last leg, of {legs[-1]} steps, is" if legs else f"its {settings.steps} steps are"
    raise ValueError(f"the run in {directory} cannot be extended by {extend} steps, as {last} not finished yet")


def _check_same(directory: Path, now: dict, was: dict) -> None:
    flat_now, flat_was = _flat(now), _flat(was)
    names = [name for name in (flat_now | flat_was) if flat_now.get(name, _ABSENT) != flat_was.get(name, _ABSENT)]
    if not names:
        return
    told = [f"{_cut(name)} is {_told(flat_now, name)} here and was {_told(flat_was, name)}" for name in names]
    rest = [f"{len(told) - _AT_MOST} more differ"] if len(told) > _AT_MOST else []
    raise ValueError(
        f"{directory} holds another run: {', '.join(told[:_AT_MOST] + rest)}; use the same again, or another folder"
    )


_ABSENT = object()


def _flat(tree: dict, prefix: str = "") -> dict[str, Any]:
    """The leaves of nested dictionaries, by their dotted names."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict) and (value or not prefix):
            leaves |= _flat(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves


def _told(leaves: dict[str, Any], name: str) -> str:
    if name not in leaves:
        return "absent"
    value = leaves[name]
    if isinstance(value, str) and _FINGERPRINT.fullmatch(value):
        return f"{value[:12]}..."
    return _cut(json.dumps(value))


def _cut(text: str) -> str:
    return printable(text, _LONGEST)


def _spread(model: LanguageModel) -> dict[str, str]:
    """How those of the model's arrays are spread that are."""
    arrays = jax.tree_util.tree_flatten_with_path(eqx.filter(model, eqx.is_array))[0]
    return {
        jax.tree_util.keystr(path).lstrip("."): str(getattr(x.sharding, "spec", x.sharding))
        for path, x in arrays
        if not x.sharding.is_fully_replicated
    }


def _json_of(name: str, value: Mapping[str, Any] | None) -> dict:
    try:
        return json.loads(json.dumps(dict(value or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be what JSON holds: {error}") from None


def _as_json(settings: TrainingSettings) -> dict:
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def _checksum(record: dict) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _damaged(path: Path) -> str:
    return f"{path} is damaged or was edited; put a copy of it back, or use another folder"
