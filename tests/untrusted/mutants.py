"""Traces and run folders with anything wrong in them, each a function of a seed."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from marl.replay.trace import MAGIC

MARK = "ran-code"
PROGRAM = f"#!/bin/sh\ntouch {MARK}\n"
MODULE = f"open({MARK!r}, 'w').close()\n"
BOMB = 2**28  # bytes that a small file claims, or unpacks to

JUNK: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2, 3, 1.5, -0.5, 1e308, -1e308, 1e-300)
JUNK += (2**31, -(2**31), 2**63, 10**9, 64_000_000, 10**50, 10**400, "", "x", "../../x", "\0")
JUNK += ("game", "evil_module", "evil_module:Name-v0", "./evil_program", "\x1b[2J", "ä" * 5000)
JUNK += (
    [],
    {},
    [1],
    [[1]],
    {"a": 1},
    {"kind": "x"},
    [None, "x", {}],
    "nan",
    "2024-01-31",
    "1" * 5000,
)
NOT_JSON: tuple[Any, ...] = (float("nan"), float("inf"), float("-inf"))


def evil_things(folder: Path) -> None:
    """A program and a module that leave MARK in the working directory where they run."""
    (folder / "evil_program").write_text(PROGRAM)
    (folder / "evil_program").chmod(0o755)
    (folder / "evil_module.py").write_text(MODULE)


def places(content: object, keys: tuple = ()) -> list[tuple]:
    """The keys to every value in nested mappings and lists, the whole itself included."""
    inside: list[tuple] = []
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        inside = [place for key, value in items for place in places(value, (*keys, key))]
    return [keys, *inside]


def with_junk(content: Any, luck: random.Random, junk: tuple = JUNK) -> Any:
    """A copy with junk in one place, or without what stands there, or with it twice."""
    whole = {"": copy.deepcopy(content)}
    entry, last = whole, ""
    for key in luck.choice(places(content)):
        entry, last = entry[last], key
    change = luck.random()
    if change < 0.15 and (entry is not whole):
        del entry[last]
    elif change < 0.3 and isinstance(entry[last], list):
        entry[last] = entry[last] * 2
    elif change < 0.3 and isinstance(entry[last], dict):
        entry[last] = {**entry[last], luck.choice(("x", "kind", "plugins")): luck.choice(junk)}
    else:
        entry[last] = luck.choice(junk)
    return whole[""]


def with_bytes(data: bytes, luck: random.Random) -> bytes:
    """The bytes with some changed, lost or added."""
    words = bytearray(data)
    for _ in range(luck.randrange(1, 6)):
        at, change = luck.randrange(len(words) + 1), luck.randrange(4)
        if change == 0 and at < len(words):
            words[at] = luck.randrange(256)
        elif change == 1 and at < len(words):
            words[at] ^= 1 << luck.randrange(8)
        elif change == 2:
            del words[at : at + luck.randrange(1, 20)]
        else:
            words[at:at] = luck.randbytes(luck.randrange(1, 20))
    return bytes(words)


# Traces


def parts_of(trace: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and arrays of a trace's file."""
    content = zlib.decompress(trace[len(MAGIC) :])
    (length,) = struct.unpack_from("<I", content)
    return json.loads(content[4 : 4 + length]), content[4 + length :]


def trace_file(header: Any, arrays: bytes, magic: bytes = MAGIC) -> bytes:
    """The file of a header, of whatever kind it is, and arrays."""
    text = json.dumps(header).encode()
    return magic + zlib.compress(struct.pack("<I", len(text)) + text + arrays, 1)


def series(rows: list[list[int]]) -> bytes:
    """A table of int32 as the format has it: differences along time, low bytes before high ones."""
    flat, before = b"", [0] * len(rows[0]) if rows else []
    columns: list[list[int]] = [[] for _ in before]
    for row in rows:
        for column, (now, old) in enumerate(zip(row, before, strict=True)):
            columns[column].append((now - old) % 2**32)
        before = row
    words = [word for column in columns for word in column]
    for byte in range(4):
        flat += bytes(word >> 8 * byte & 0xFF for word in words)
    return flat


def mutated_trace(seed: int, traces: list[bytes]) -> bytes:
    """One of the traces, changed."""
    luck = random.Random(seed)
    trace = luck.choice(traces)
    header, arrays = parts_of(trace)
    kind = luck.randrange(8)
    if kind == 0:
        return with_bytes(trace, luck)
    if kind == 1:
        return MAGIC + zlib.compress(with_bytes(zlib.decompress(trace[len(MAGIC) :]), luck), 1)
    if kind in (2, 3):
        for _ in range(luck.choice((1, 1, 2, 5))):
            header = with_junk(header, luck)
        return trace_file(header, arrays)
    if kind == 4:
        header["options"] = with_junk(header["options"], luck)
        return trace_file(header, arrays)
    if kind == 5:
        return trace_file(*claiming(header, arrays, luck))
    return trace_file(*other_actions(header, luck))


def other_actions(header: dict[str, Any], luck: random.Random) -> tuple[dict[str, Any], bytes]:
    """Other actions than those that were played, and now and then of a script."""
    steps, agents = luck.choice((0, 1, 5, 60, 500)), luck.choice((3, 3, 3, 5, 0, 1))
    reach = luck.choice((6, 12, 50, 1000, 10**5, 2**31 - 1))
    rows = [
        [luck.randrange(-1 if reach > 20 else 0, reach) for _ in range(agents)]
        for _ in range(steps)
    ]
    header["ignores_mask"] = luck.choice((True, False))
    header["arrays"], header["channels"] = [["actions", "i4", [steps, agents]]], {}
    return header, series(rows)


def claiming(
    header: dict[str, Any], arrays: bytes, luck: random.Random
) -> tuple[dict[str, Any], bytes]:
    """Arrays that claim other sizes and types, or that are very large."""
    table = header["arrays"]
    if luck.random() < 0.5:
        header["arrays"] = with_junk(table, luck)
        return header, arrays
    count = luck.choice((1, 8, 46, 48, 100))
    rows = BOMB // 1000 // count
    names = [f"channel:c{n}" for n in range(count)]
    header["arrays"] = [
        *table,
        *([name, luck.choice(("u1", "u2")), [rows, 1000]] for name in names),
    ]
    header["channels"] = {name.removeprefix("channel:"): [0.0, 1e308] for name in names}
    size = sum(rows * 1000 * int(dtype[1]) for _, dtype, _ in header["arrays"][len(table) :])
    return header, arrays + bytes(min(size, BOMB))


# Run folders


def mutate_run(run: Path, seed: int) -> str:
    """Change something in the folder of a run; gives what."""
    luck = random.Random(seed)
    name = luck.choice(list(RUN_CHANGES))
    RUN_CHANGES[name](run, luck)
    return name


def change_config(run: Path, luck: random.Random) -> None:
    path = run / "config.yaml"
    values = yaml.safe_load(path.read_text())
    junk = (*JUNK, *NOT_JSON)
    for _ in range(luck.choice((1, 1, 1, 3))):
        values = with_junk(values, luck, tuple(one for one in junk if "\0" not in str(one)))
    path.write_text(yaml.safe_dump(values, allow_unicode=True))


def name_code(run: Path, luck: random.Random) -> None:
    path = run / "config.yaml"
    values = yaml.safe_load(path.read_text())
    values |= luck.choice(
        (
            {"plugins": ["evil_module"]},
            {"plugins": "evil_module"},
            {"env": "gymnasium", "env_config": "gymnasium", "env_id": "evil_module:Name-v0"},
            {"env": "pettingzoo", "env_config": "pettingzoo", "module": "evil_module"},
            {"env": "sc2", "backend": "game", "game": {"python": "./evil_program"}},
            {"env": "sc2", "backend": "game", "game": {"source": "."}},
        )
    )
    path.write_text(yaml.safe_dump(values))


def change_config_text(run: Path, luck: random.Random) -> None:
    path = run / "config.yaml"
    added = luck.choice(
        (
            "a: &a [*a]\n",
            "a0: &a0 [x, x]\n"
            + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30)),
            "a: " + "[" * 10_000 + "\n",
            "a: !!python/object/apply:os.system ['touch ran-code']\n",
            "t_max: 2024-01-31\n",
            "? [1]\n: 2\n",
            "x: " + "y" * 300_000 + "\n",
            "extends: ../../x\n",
        )
    )
    if luck.random() < 0.4:
        path.write_bytes(with_bytes(path.read_bytes(), luck))
    else:
        path.write_text(path.read_text() + added)


def change_metrics(run: Path, luck: random.Random) -> None:
    path = run / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    at = luck.randrange(len(lines))
    point = with_junk(json.loads(lines[at]), luck, (*JUNK, *NOT_JSON))
    lines[at] = json.dumps(point).encode() + b"\n"
    if luck.random() < 0.3:
        lines.append(
            luck.choice((b"[" * 10_000 + b"\n", b'{"t_env": 1' + b"0" * 5000 + b"}\n", b"{"))
        )
    path.write_bytes(with_bytes(b"".join(lines), luck) if luck.random() < 0.4 else b"".join(lines))


def newest(run: Path) -> Path:
    steps = [path for path in (run / "models").iterdir() if path.name.isdigit()]
    return max(steps, key=lambda path: int(path.name))


def change_manifest(run: Path, luck: random.Random) -> None:
    path = newest(run) / "manifest.json"
    manifest = with_junk(json.loads(path.read_text()), luck)
    path.write_text(json.dumps(manifest))
    if luck.random() < 0.2:
        path.write_bytes(with_bytes(path.read_bytes(), luck))


def sign(folder: Path) -> None:
    """Sizes and sums of the parts as they are now."""
    parts = {}
    for path in folder.glob("*.pt"):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        parts[path.stem] = {"bytes": len(data), "sha256": digest, "optional": path.stem == "replay"}
    (folder / "manifest.json").write_text(json.dumps({"format": 2, "parts": parts}))


def change_part(run: Path, luck: random.Random) -> None:
    """Other values in a checkpoint, signed as if they had been written."""
    folder = newest(run)
    path = luck.choice(sorted(folder.glob("*.pt")))
    state = torch.load(path, weights_only=True)
    for _ in range(luck.choice((1, 1, 2, 6))):
        state = with_odd_tensors(state, luck)
    torch.save(state, path)
    sign(folder)


def with_odd_tensors(state: Any, luck: random.Random) -> Any:
    """As `with_junk`, and tensors of other shapes, types and values."""
    tensors = [
        torch.zeros(0),
        torch.zeros(3, 4),
        torch.full((2,), float("nan")),
        torch.tensor(-1),
        torch.full((7,), 2**62),
        torch.tensor(True),
        torch.zeros(2, dtype=torch.uint8),
        torch.zeros(1).expand(1000),
    ]
    where = luck.choice(places(state))
    entry, last = {"": state}, ""
    for key in where:
        entry, last = entry[last], key
    old = entry[last]
    if isinstance(old, torch.Tensor) and luck.random() < 0.6:
        entry[last] = changed_tensor(old, luck)
        return state
    if luck.random() < 0.4 and where:
        entry[last] = luck.choice(tensors)
        return state
    return with_junk(state, luck, tuple(one for one in (*JUNK, *NOT_JSON) if one != 10**400))


def changed_tensor(tensor: torch.Tensor, luck: random.Random) -> torch.Tensor:
    """The tensor with other values, or of another shape or type."""
    change = luck.randrange(6)
    if change == 0 or not tensor.numel():
        return tensor.double() if tensor.is_floating_point() else tensor.float()
    if change == 1:
        return tensor.reshape(-1)
    if change == 2:
        return tensor.repeat(*[2] * max(1, tensor.ndim))
    if change == 3:
        return tensor[:0] if tensor.ndim else tensor[None]
    changed = tensor.clone().reshape(-1)
    at = luck.randrange(changed.numel())
    values = (
        (-1, 0, 1, 7, 100, 255)
        if tensor.dtype == torch.uint8
        else (-1, 2, 50, 10**6, -(10**6), 2**40)
    )
    if tensor.is_floating_point():
        changed[at] = luck.choice((float("nan"), float("inf"), -1e30, 1e30, 0.0))
    elif tensor.dtype == torch.bool:
        changed[at] = ~changed[at]
    else:
        changed[at] = luck.choice([v for v in values if v <= torch.iinfo(tensor.dtype).max])
    return changed.reshape(tensor.shape)


def change_part_bytes(run: Path, luck: random.Random) -> None:
    folder = newest(run)
    path = luck.choice(sorted(folder.glob("*.pt")))
    path.write_bytes(with_bytes(path.read_bytes(), luck))
    if luck.random() < 0.8:
        sign(folder)


def change_files(run: Path, luck: random.Random) -> None:
    """Pipes, links, folders and nothing in the place of files."""
    every = sorted(path for path in run.rglob("*") if path.is_file() and "sacred" not in path.parts)
    path = luck.choice(every)
    path.unlink()
    change = luck.randrange(6)
    if change == 0:
        os.mkfifo(path)
    elif change == 1:
        path.mkdir()
    elif change == 2:
        path.symlink_to(luck.choice(("/dev/zero", "/etc/passwd", "nowhere", path.name)))
    elif change == 3:
        path.write_bytes(b"")
    elif change == 4:
        (run / "models" / ".7.writing").mkdir(exist_ok=True)


def odd_folders(run: Path, luck: random.Random) -> None:
    """Checkpoints with other names, and one copied to where it does not belong."""
    source = newest(run)
    name = luck.choice(("0", "1", "9" * 17, "9" * 40, "5.old", "-3", "x"))
    shutil.copytree(source, run / "models" / name, dirs_exist_ok=True)


def odd_ending(run: Path, luck: random.Random) -> None:
    path = run / "ended.json"
    ending = {"how": luck.choice(("failed", "stopped", "well")), "line": "\x1b[2J\n" * 400}
    path.write_text(json.dumps(with_junk(ending, luck) if luck.random() < 0.6 else ending))
    if luck.random() < 0.4:
        path.write_bytes(with_bytes(path.read_bytes(), luck))


def odd_battles(run: Path, luck: random.Random) -> None:
    folder = run / "replays"
    folder.mkdir(exist_ok=True)
    line = {"name": "a", "t_env": 5, "map": "3m", "facts": {}, "outcome": {"battle_won": 1.0}}
    lines = [json.dumps(with_junk(line, luck)) for _ in range(5)]
    (folder / "battles.jsonl").write_text("\n".join(lines))
    (folder / "a.html").write_text("<p>")


RUN_CHANGES: dict[str, Callable[[Path, random.Random], None]] = {
    "config": change_config,
    "config once more": change_config,
    "code": name_code,
    "config's text": change_config_text,
    "metrics": change_metrics,
    "manifest": change_manifest,
    "a part": change_part,
    "another part": change_part,
    "a part's bytes": change_part_bytes,
    "files": change_files,
    "folders": odd_folders,
    "battles": odd_battles,
    "ending": odd_ending,
}
