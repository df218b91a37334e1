"""What torch.save wrote comes back as it was; anything else is refused, and runs nothing."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from marl.errors import UnreadableError
from marl.untrusted import tensors
from marl.untrusted.tensors import MAPPED, load_tensors


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.GRU(4, 5), nn.Linear(5, 1))


def trained() -> dict:
    """A module's and an optimiser's state."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(3)).sum().backward()
    optimizer.step()
    return {"net": net().state_dict(), "optimizer": optimizer.state_dict()}


base = torch.arange(24.0)
VALUES = {
    "plain": {"a": [1, -5, 2**40, -(2**70), 0.5, True, None, "ü", ()], "b": (1, (2, (3, {})))},
    "state": trained(),
    "dtypes": {str(dtype): torch.ones(3, dtype=dtype) for dtype in tensors.DTYPES.values()},
    "views": {"whole": base, "rows": base.view(4, 6)[1:3], "columns": base.view(4, 6).T},
    "empty": {"none": torch.zeros(0), "flat": torch.zeros(3, 0, 2), "number": torch.tensor(2.5)},
    "parameter": {"p": nn.Parameter(torch.ones(2))},
    "generator": torch.Generator().manual_seed(1).get_state(),
    "many": {f"key {n}": n for n in range(3000)},
}


def saved(path: Path, value: object) -> Path:
    torch.save(value, path / "x.pt")
    return path / "x.pt"


def assert_same(found: object, value: object) -> None:
    if isinstance(value, torch.Tensor):
        assert isinstance(found, torch.Tensor)
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert torch.equal(found, value.detach())
    elif isinstance(value, dict):
        assert type(found) is type(value)
        assert list(found) == list(value)
        assert getattr(found, "_metadata", None) == getattr(value, "_metadata", None)
        for key, inside in value.items():
            assert_same(found[key], inside)
    elif isinstance(value, list | tuple):
        assert type(found) is type(value)
        for one, other in zip(found, value, strict=True):
            assert_same(one, other)
    else:
        assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("name", VALUES)
def test_what_was_saved_is_read_as_torch_reads_it(tmp_path, name):
    path = saved(tmp_path, VALUES[name])
    assert_same(load_tensors(path), VALUES[name])
    assert_same(load_tensors(path), torch.load(path, weights_only=True))


def test_tensors_that_share_memory_still_do(tmp_path):
    read = load_tensors(saved(tmp_path, VALUES["views"]))
    read["whole"][6] = -1.0
    assert read["rows"][0, 0] == -1.0


class Harmful:
    """Unpickling it would run code."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def archive(path: Path, pickled: bytes, kind: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    """A file like torch.save's around a pickle of one's own."""
    with zipfile.ZipFile(path / "x.pt", "w", kind) as file:
        file.writestr("archive/data.pkl", pickled)
        for name, content in members.items():
            file.writestr(f"archive/{name.replace('__', '/')}", content)
    return path / "x.pt"


STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
REBUILD = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("


def one_tensor(count: bytes, sizes: bytes, strides: bytes) -> bytes:
    """A pickle of one tensor. count: of its storage; sizes, strides: operations that make them."""
    ordered = b"ccollections\nOrderedDict\n)R"
    return REBUILD + STORAGE + count + b"tQK\x00" + sizes + strides + b"\x89" + ordered + b"tR."


def test_a_pickle_of_ones_own_is_read_where_it_is_right(tmp_path):
    pickled = one_tensor(b"K\x03", b"K\x03\x85", b"K\x01\x85")
    path = archive(tmp_path, pickled, data__0=torch.arange(3.0).numpy().tobytes())
    assert load_tensors(path).tolist() == [0.0, 1.0, 2.0]


CLAIMS = {
    "more than lies there": one_tensor(b"J\x00\x00\x00\x40", b"K\x03\x85", b"K\x01\x85"),
    "a tensor beyond its storage": one_tensor(b"K\x03", b"J\x00\x00\x00\x40\x85", b"K\x01\x85"),
    "a number repeated": one_tensor(b"K\x03", b"J\x00\x00\x00\x40\x85", b"K\x00\x85"),
    "fewer than none": one_tensor(b"K\x03", b"J\xff\xff\xff\xff\x85", b"K\x01\x85"),
    "other axes": one_tensor(b"K\x03", b"K\x03\x85", b"K\x01K\x01\x86"),
    "a size of true": one_tensor(b"K\x03", b"\x88\x85", b"K\x01\x85"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_no_tensor_is_larger_than_the_bytes_that_lie_there(tmp_path, claim):
    path = archive(tmp_path, CLAIMS[claim], data__0=bytes(12))
    with pytest.raises(UnreadableError, match=r"storage|size"):
        load_tensors(path)


PICKLES = {
    "os.system": pickle.dumps(Harmful(os.system, "touch ran-code"), 2),
    "eval": pickle.dumps(Harmful(eval, "open('ran-code', 'w')"), 2),
    "bytearray": pickle.dumps(Harmful(bytearray, 10**10), 2),
    "a tensor's class": pickle.dumps(Harmful(torch.FloatTensor, 10**10), 2),
    "a newer protocol": pickle.dumps([1, 2], 4),
    "a memo far away": b"\x80\x02K\x01r\xff\xff\xff\x7f.",  # harmless here, gigabytes for pickle
    "nothing left": b"\x80\x02.",
    "a mark left": b"\x80\x02(.",
    "from nothing": b"\x80\x02a.",
    "a tuple of nothing": b"\x80\x02\x87.",
    "no memo": b"\x80\x02h\x05.",
    "a class alone": b"\x80\x02ccollections\nOrderedDict\n.",
    "a call of a word": b"\x80\x02X\x01\x00\x00\x00a)R.",
    "attributes": b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00aK\x01sb.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "deeper than any state": b"\x80\x02" + b"]" * 100 + b"a" * 99 + b".",
    "cut off": b"\x80\x02X\xff\xff\xff\x7fab",
    "a list as a key": b"\x80\x02}]K\x01s.",
    "half a mapping": b"\x80\x02}(K\x01u.",
    "laughs": b"\x80\x02]q\x00"
    + b"".join(b"](h" + bytes([n]) * 10 + b"eq" + bytes([n + 1]) for n in range(30))
    + b".",
}


@pytest.mark.parametrize("name", PICKLES)
def test_other_pickles_are_refused_in_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = archive(tmp_path, PICKLES[name])
    if name == "a memo far away":
        assert load_tensors(path) == 1
        return
    with pytest.raises(UnreadableError) as refusal:
        load_tensors(path)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "ran-code").exists()


def test_shared_lists_count_wherever_they_stand(tmp_path):
    doubled = b"".join(
        b"]h" + bytes([n]) + b"ah" + bytes([n]) + b"aq" + bytes([n + 1]) for n in range(25)
    )
    path = archive(tmp_path, b"\x80\x02]q\x00" + doubled + b"\x85.")
    with pytest.raises(UnreadableError):
        load_tensors(path)
    inside: list = []
    for _ in range(25):
        inside = [inside, inside]
    with pytest.raises(UnreadableError, match="holds more than 1,000,000 values"):
        load_tensors(saved(tmp_path, inside))


def test_a_compressed_archive_is_refused(tmp_path):
    path = archive(tmp_path, pickle.dumps([0] * 9, 2), zipfile.ZIP_DEFLATED, data__0=bytes(2**24))
    assert path.stat().st_size < 2**16
    with pytest.raises(UnreadableError, match="it is compressed"):
        load_tensors(path)


def test_members_that_lie_upon_each_other_are_refused(tmp_path):
    """Two entries of the directory that name the same bytes."""
    path = archive(tmp_path, pickle.dumps(1, 2), data__0=bytes(2**16))
    data = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        info = file.getinfo("archive/data/0")
        twin = zipfile.ZipInfo("archive/data/1")
        twin.header_offset, twin.CRC = info.header_offset, info.CRC
        twin.file_size = twin.compress_size = info.file_size
    with zipfile.ZipFile(path, "a") as file:
        file.filelist.append(twin)
        file.NameToInfo[twin.filename] = twin
        file._didModify = True
    with pytest.raises(UnreadableError, match="members are larger than the file"):
        load_tensors(path)


def is_refused(path: Path) -> bool:
    try:
        load_tensors(path)
    except UnreadableError:
        return True
    return False


def test_no_byte_changed_makes_anything_but_a_refusal_or_a_value(tmp_path):
    path = saved(tmp_path, {"a": [1, {"b": torch.arange(5)}], "c": OrderedDict(d="e")})
    data = path.read_bytes()
    refused = 0
    for at in range(0, len(data), 3):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        refused += is_refused(path)
        path.write_bytes(data[:at])
        with pytest.raises(UnreadableError):
            load_tensors(path)
    assert refused > 50


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.pt")
    with pytest.raises(UnreadableError, match="is no regular file"):
        load_tensors(tmp_path / "x.pt")


def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.pt"
    torch.save({"small": torch.ones(3), "large": torch.arange(MAPPED)}, path)
    return path


def test_a_large_tensor_is_mapped_and_the_file_stays_as_it_is(tmp_path):
    path = large(tmp_path)
    before = path.read_bytes()
    values = load_tensors(path)["large"]
    assert torch.equal(values, torch.arange(MAPPED))
    values += 1  # into the process's own copy of the pages
    assert path.read_bytes() == before
    path.unlink()
    assert int(values[-1]) == MAPPED


@pytest.mark.parametrize("place", [-5_000_000, -2_000_000])
def test_a_changed_byte_of_a_large_tensor_is_found(tmp_path, place):
    content = bytearray(large(tmp_path).read_bytes())
    content[place] ^= 1
    path = tmp_path / "changed.pt"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="checksum"):
        load_tensors(path)
