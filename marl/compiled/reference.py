"""Named tuples passed to compiled functions by their address.

numba passes a named tuple by value: one with fifty arrays is some four hundred words, unpacked at
every call from Python and copied at every call between compiled functions. `reference` stores a
tuple in memory once and passes its address; compiled code reads the fields by name, as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

from marl.compiled.jit import OPTIONS, compiled

Content = TypeVar("Content", bound=tuple)
WORD_BYTES = 8
DIGITS = 16
PACKAGE = "marl."


def reference(content: Content) -> Content:
    """The named tuple `content`, passed by its address; Python code too reads its fields.

    Its fields are fixed from now on, the contents of its arrays are not. Named tuples in it become
    references too.
    """
    return cast(Content, _Reference(content))


class _Reference:
    """A named tuple and the address of its copy in memory."""

    def __init__(self, content: Any) -> None:
        self.content = content._make(_by_address(field) for field in content)
        content_type = cpu_target.typing_context.resolve_value_type(self.content)
        self.numba_type = ReferenceType(content_type)
        target = cpu_target.target_context
        size = target.get_abi_sizeof(target.get_value_type(content_type))
        self._words = np.zeros(-(-size // WORD_BYTES), dtype=np.int64)
        self.address = self._words.ctypes.data
        write = _write if type(content).__module__.startswith(PACKAGE) else _write_once
        write(self.content, self._words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.content, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.content)


def _by_address(field: Any) -> Any:
    return _Reference(field) if isinstance(field, tuple) else field


class ReferenceType(types.Type):
    """numba's type of a reference to a tuple of the type `content`."""

    def __init__(self, content: Any) -> None:
        self.content = content
        # A digest, because a function's name contains the names of its arguments' types.
        digest = hashlib.sha256(content.name.encode()).hexdigest()[:DIGITS]
        super().__init__(name=f"reference({content.instance_class.__name__}, {digest})")


register_model(ReferenceType)(models.OpaqueModel)


@typeof_impl.register(_Reference)
def _typeof(value: _Reference, context: Any) -> ReferenceType:
    return value.numba_type


@unbox(ReferenceType)
def _unbox(kind: Any, value: Any, context: Any) -> NativeValue:
    address = context.pyapi.object_getattr_string(value, "address")
    pointer = context.pyapi.long_as_voidptr(address)
    context.pyapi.decref(address)
    return NativeValue(pointer)


@infer_getattr
class _Fields(AttributeTemplate):
    key = ReferenceType

    def generic_resolve(self, kind: Any, name: str) -> Any:  # type: ignore[override]
        fields = kind.content.fields
        return kind.content[fields.index(name)] if name in fields else None


@lower_getattr_generic(ReferenceType)
def _read(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    content = kind.content
    at = content.fields.index(name)
    pointer = builder.bitcast(value, context.get_value_type(content).as_pointer())
    zero, index = ir.Constant(ir.IntType(32), 0), ir.Constant(ir.IntType(32), at)
    field = builder.load(builder.gep(pointer, [zero, index]))
    field.set_metadata("invariant.load", builder.module.add_metadata([]))
    return impl_ret_borrowed(context, builder, content[at], field)


def _store(typing_context: Any, content: Any, words: Any) -> Any:
    """Store the tuple in the array `words`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[1])(context, builder, args[1])
        builder.store(args[0], builder.bitcast(array.data, args[0].type.as_pointer()))
        return context.get_dummy_value()

    return types.void(content, words), generate


_store_tuple: Any = intrinsic(_store)


def _write_down(content: Any, words: Any) -> None:
    _store_tuple(content, words)


_write = compiled(_write_down)
# The cache on disk names the tuples' classes; other packages' classes must not be in it.
_write_once = njit(**{**OPTIONS, "cache": False})(_write_down)
