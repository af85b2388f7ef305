"""A description of networks.py as layers of a library with the names of Keras: Keras, descend."""

from __future__ import annotations


def wire(library, layers, x, options=None):
    """Put `layers` behind the symbol x.

    Args:
        library: where the classes are found by name.
        options: {kind: further arguments}.
    """
    for kind, given in layers:
        more = (options or {}).get(kind, {})
        if kind == "Residual":
            main, shortcut = (
                wire(library, given[part], x, options) for part in ("main", "shortcut")
            )
            x = library.Add()([main, shortcut])
        elif kind == "SelfAttention":
            x = library.MultiHeadAttention(**given, **more)(x, x)
        else:
            x = getattr(library, kind)(**given, **more)(x)
    return x
