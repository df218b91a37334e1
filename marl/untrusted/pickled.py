"""The operations of a pickle of tensors, carried out; nothing that it names is called."""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import torch
from torch import Tensor

from marl.untrusted.bounds import DIGITS, PICKLE_VALUES

DTYPES = {
    "torch FloatStorage": torch.float32,
    "torch DoubleStorage": torch.float64,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch ByteStorage": torch.uint8,
    "torch CharStorage": torch.int8,
    "torch ShortStorage": torch.int16,
    "torch IntStorage": torch.int32,
    "torch LongStorage": torch.int64,
    "torch BoolStorage": torch.bool,
}
FUNCTIONS = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
)
MARK = object()
CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: MARK,
}
NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE")
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Global(str):
    """The name of a class or function in the file, `module name`; it stays a name."""


class DamagedError(ValueError):
    """A file that torch.save did not write."""


class Machine:
    """Carries out a pickle's operations: it makes values, and calls nothing that the file names."""

    def __init__(self, tensor_of: Callable[[object], Tensor]) -> None:
        self.tensor_of = tensor_of
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> object:
        """The value that the operations leave."""
        for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
            if count > 8 * PICKLE_VALUES:
                raise DamagedError("too many operations")
            if operation.name == "STOP":
                break
            self._do(operation.name, argument)
        if len(self.stack) != 1 or isinstance(self.stack[0], Global) or self.stack[0] is MARK:
            raise DamagedError("it leaves no value")
        return self.stack[0]

    def _do(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in CONSTANTS:
            stack.append(CONSTANTS[name]())
        elif name in NUMBERS:
            if isinstance(argument, int) and argument.bit_length() > 4 * DIGITS:
                raise DamagedError("a number is too long")
            stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self._top()
        elif name in ("BINGET", "LONG_BINGET"):
            if argument not in self.memo:
                self._refuse(name)
            stack.append(self.memo[argument])
        elif name in TUPLES:
            stack.append(tuple(self._pop(TUPLES[name])))
        elif name == "TUPLE":
            stack.append(tuple(self._pop_to_mark()))
        elif name in ("APPEND", "APPENDS"):
            items = self._pop(1) if name == "APPEND" else self._pop_to_mark()
            self._top(list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            self._set(self._pop(2) if name == "SETITEM" else self._pop_to_mark())
        elif name == "GLOBAL":
            if argument not in FUNCTIONS and argument not in DTYPES:
                raise DamagedError(f"it names {str(argument)[:80]!r}, which could run code")
            stack.append(Global(argument))
        elif name == "BINPERSID":
            stack.append(self.tensor_of(self._pop(1)[0]))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            stack.append(_call(function, arguments))
        elif name == "BUILD":
            self._build(self._pop(1)[0])
        elif name != "PROTO":
            self._refuse(name)

    def _set(self, items: list[Any]) -> None:
        """Keys and values in turn, into the mapping on the stack."""
        target = self._top(dict)
        if len(items) % 2 or not all(type(key) in (str, int, float, bool) for key in items[::2]):
            raise DamagedError("a key is no name and no number")
        target.update(zip(items[::2], items[1::2], strict=True))

    def _build(self, state: object) -> None:
        """Attributes of a module's state_dict: the versions of its modules, nothing else."""
        target = self._top(OrderedDict)
        if not isinstance(state, dict) or not set(state) <= {"_metadata"}:
            raise DamagedError("a mapping has attributes")
        for metadata in state.values():
            if not isinstance(metadata, dict):
                raise DamagedError("a mapping's attribute is none that torch gives it")
            target._metadata = metadata

    def _top(self, kind: type = object) -> Any:
        if not self.stack or self.stack[-1] is MARK or not isinstance(self.stack[-1], kind):
            self._refuse("an operation")
        return self.stack[-1]

    def _pop(self, count: int) -> list[Any]:
        items = self.stack[len(self.stack) - count :] if len(self.stack) >= count else [MARK]
        if any(item is MARK for item in items):
            self._refuse("an operation")
        del self.stack[-count:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is MARK:
                items = self.stack[at + 1 :]
                del self.stack[at:]
                return items
        return self._refuse("an operation")

    def _refuse(self, name: str) -> NoReturn:
        raise DamagedError(f"{name} has no place in it")


def _call(function: object, arguments: object) -> object:
    """What one of FUNCTIONS makes of its arguments."""
    match function, arguments:
        case Global("collections OrderedDict"), ():
            return OrderedDict()
        case (
            Global("torch._utils _rebuild_tensor_v2"),
            (Tensor() as storage, offset, size, stride, *_),
        ):
            return _tensor(storage, offset, size, stride)
        case Global("torch._utils _rebuild_parameter"), (Tensor() as values, *_):
            return values
    raise DamagedError("it makes something out of other things than a tensor is made of")


def _tensor(storage: Tensor, offset: object, size: object, stride: object) -> Tensor:
    """The part of a storage that a tensor is."""
    numbers = list(_naturals([offset]))
    sizes, strides = list(_naturals(size)), list(_naturals(stride))
    if len(sizes) != len(strides) or len(sizes) > 16:
        raise DamagedError("a tensor's sizes and strides differ")
    count = 1
    for length in sizes:
        count *= length
    reach = sum((length - 1) * step for length, step in zip(sizes, strides, strict=True))
    last = numbers[0] + reach
    if count and (last >= len(storage) or count > len(storage)):
        raise DamagedError("a tensor is larger than its storage")
    if not count:
        return storage.new_empty(sizes) if max(sizes) <= 2**40 else _too_large()
    return storage.as_strided(sizes, strides, numbers[0])


def _too_large() -> NoReturn:
    raise DamagedError("a tensor is too large")


def _naturals(values: object) -> Iterator[int]:
    if not isinstance(values, tuple | list):
        raise DamagedError("a tensor's sizes are no tuple")
    for value in values:
        if type(value) is not int or not 0 <= value < 2**62:
            raise DamagedError("a tensor's size is no number")
        yield value
