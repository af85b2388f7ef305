"""What a layer is made with: arguments checked in one place, and which kind of class it is.

A wrong argument gives one error that names the layer's own. Arguments that Keras's layers have
besides are taken at the values at which they change nothing, and refused with the reason at others.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from descend.errors import DescendError
from descend.nn.layers.guarded import Open
from descend.signed import signature_of

# Keras's arguments that are not ours: the values that change nothing here (`...`: all do), and what
# to do at others.
_KERAS: dict[str, tuple[Any, str]] = {
    "activity_regularizer": (
        (None,),
        "penalties are of weights (kernel_regularizer=); for a penalty of outputs make them an "
        "output of the model, with a loss of its own",
    ),
    "autocast": (..., ""),
    "data_format": (
        (None, "channels_last"),
        "channels come last in every array: np.moveaxis(x, 1, -1), or Permute as the first layer",
    ),
    "dtype": (
        (None, "float32"),
        "weights are float32; compute_dtype='bfloat16' computes in half precision",
    ),
    "dynamic": ((None, False), "every step is compiled"),
    "encoding": (("utf-8",), "texts are Python's, without an encoding"),
    "implementation": (..., ""),
    "oov_method": (("floormod",), "unknown numbers are spread by their remainder"),
    "ragged": ((None, False), "pad the sequences and mask the padding (Masking, mask_zero=True)"),
    "renorm": ((None, False), "there is the plain formula alone"),
    "salt": ((None,), "unknown words are not spread by a hash"),
    "seed": ((None,), "all that is random follows from fit(seed=...)"),
    "sparse": ((None, False), "arrays are dense here"),
    "synchronized": (..., ""),
    "time_major": ((None, False), "time is the second axis; Permute swaps axes"),
    "unroll": (..., ""),
    "use_cudnn": (..., ""),
    "vocabulary_dtype": (("int64", "int32"), "the vocabulary holds whole numbers"),
    "weights": ((None,), "put arrays in once the model is built: model.set_weights([...])"),
    "zero_output_for_mask": (
        (None, False),
        "the output at a masked step repeats that of the last real one",
    ),
}
_CONSTRAINT = (
    "weights are kept small by a penalty (kernel_regularizer='l2') or by SpectralNormalization "
    "around the layer"
)


class LayerType(Open):
    """The class of layer classes: sees a class when it is written, and a layer when it is made."""

    # (name, bases, namespace) -> (bases, namespace), for a class with `call`: `calling`, which
    # stands on the layers, enters it here
    in_keras_manner: ClassVar[Callable[..., tuple[tuple[type, ...], dict[str, Any]]]]

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        """A class with `call` is one in Keras's manner: `Called` stands behind it."""
        if "call" in namespace or any(getattr(base, "called", False) for base in bases):
            bases, namespace = mcls.in_keras_manner(name, bases, namespace)
        return super().__new__(mcls, name, bases, namespace, **options)

    if not TYPE_CHECKING:  # to a type checker a layer is what its class says

        def __call__(cls, *args: Any, **keywords: Any) -> Any:
            """A layer, its arguments checked; or a copy, where `dataclasses.replace` wants one."""
            copied_by = keywords.pop("copied_by", None)
            if copied_by is not None:
                return copied_by(keywords)
            known = inspect.signature(cls.__init__).parameters
            shape = first_shape(
                {n: keywords.pop(n) for n in _FIRST if n in keywords and n not in known}
            )
            arguments, keywords = checked(cls, cls.__init__, args, keywords)
            layer = super().__call__(*args, **keywords)
            vars(layer)["_arguments"] = arguments
            if shape is not None:
                vars(layer)["_input_shape"] = shape
            return layer

        @property
        def __signature__(cls) -> inspect.Signature:
            """The arguments, for `help` and for editors."""
            return signature_without_copies(cls.__init__)


# what a first layer of a Sequential may be told of its input
_FIRST = ("input_shape", "batch_input_shape", "input_dim", "input_length")


def first_shape(given: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The shape of a row that `input_shape=`, `input_dim=` and their like say."""
    if given.get("batch_input_shape") is not None:
        return tuple(given["batch_input_shape"])[1:]
    if given.get("input_shape") is not None:
        shape = given["input_shape"]
        return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    sizes = [given[n] for n in ("input_length", "input_dim") if given.get(n) is not None]
    return tuple(sizes) or None


def signature_without_copies(function: Callable[..., Any]) -> inspect.Signature:
    """The arguments of a layer's `__init__` that its user gives."""
    given = signature_of(function)
    return given.replace(parameters=[p for n, p in given.parameters.items() if n != "copied_by"])


def checked(
    cls: Any, function: Callable[..., Any], args: tuple[Any, ...], keywords: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments by name, and the keywords without those of Keras that change nothing.

    Args:
        cls: the layer's class.
        function: the `__init__` that takes the arguments.
        args, keywords: the arguments.

    Raises:
        DescendError: an argument that is not known (the nearest is suggested), is missing or given
            twice; one of Keras's at a value that cannot be had.
    """
    signature = signature_without_copies(function)
    known = signature.parameters.values()
    names = [p.name for p in known if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    rest = [p.name for p in known if p.kind is p.VAR_KEYWORD]  # **kwargs, handed on to the next
    if not rest:
        renamed = getattr(cls, "renamed", {})
        keywords = {renamed.get(name, name): value for name, value in keywords.items()}
        keywords = {
            n: v
            for n, v in keywords.items()
            if n in names or not changes_nothing(cls.__name__, n, v)
        }
    for name in () if rest else keywords:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DescendError(
                f"{cls.__name__} cannot be built: it has no argument {name!r}.{hint} "
                f"Its arguments: {', '.join(names)}."
            )
    try:
        arguments = dict(signature.bind(*args, **keywords).arguments)
    except TypeError as error:
        raise DescendError(
            f"{cls.__name__} cannot be built: {error}. Its arguments: {', '.join(names)}."
        ) from None
    for name in rest:
        arguments |= arguments.pop(name, {})
    return arguments, dict(keywords)


def changes_nothing(owner: str, name: str, value: Any) -> bool:
    """Whether it is an argument of Keras's without effect; raises DescendError if it had one."""
    if name.endswith("constraint"):
        values: Any = (None,)
        advice = _CONSTRAINT
    elif name in _KERAS:
        values, advice = _KERAS[name]
    else:
        return False
    if values is ... or any(type(value) is type(v) and value == v for v in values):
        return True
    raise DescendError(f"{owner}: {name}={value!r} cannot be had: {advice}.")
