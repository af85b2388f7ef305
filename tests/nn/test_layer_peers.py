"""Every layer against Keras's, or PyTorch's: same weights, same numbers.

Ten random configurations a layer: outputs at prediction, gradients by weights and input, and the
count of parameters. Skipped where Keras is not installed (it is in the bench extra).
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import PEERS
from layer_cases.case import draw, jit, start

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # their imports warn about their own dependencies
    keras = pytest.importorskip("keras", exc_type=ImportError)
    torch = pytest.importorskip("torch", exc_type=ImportError)

if keras.backend.backend() != "jax":
    pytest.skip("gradients are taken through Keras's JAX backend", allow_module_level=True)

parts = lambda y: tuple(y) if isinstance(y, (tuple, list)) else (y,)


def in_keras(peer, params, state, x, weights):
    """(outputs, gradients by name of our arrays, gradients by the inputs, count of parameters)."""
    layer = peer.keras()
    call = peer.call or (lambda layer, x: layer(list(x) if isinstance(x, tuple) else x))
    call(layer, jax.tree.map(np.asarray, x))  # builds it
    ours = {**params, **state}
    place = {}
    for name in ours:
        wanted = (peer.rename or {}).get(name, name.replace(".", "/"))
        free = [v for v in layer.weights if v.path not in place]
        found = [v for v in free if ("/" + v.path).endswith("/" + wanted)]
        if not found and "." in name:
            # Keras calls a layer inside a layer by its class: the next one of ours in its order
            outer, _, last = name.rpartition(".")
            found = [v for v in free if v.path.endswith("/" + last)]
            side = outer.partition("_")[0]  # forward, backward
            found = ([v for v in found if side in v.path] or found)[:1]
        assert len(found) == 1, f"{name}: {wanted} is {[v.path for v in layer.weights]}"
        place[found[0].path] = name
    mine = lambda v: ours[place[v.path]]
    held = [v for v in layer.weights if v.path in place]
    assert len(held) == len(ours), [v.path for v in layer.weights]
    for v in held:
        v.assign(np.reshape(mine(v), v.shape))
    fixed = [v.value for v in layer.non_trainable_variables]
    smooth = jnp.issubdtype(jax.tree.leaves(x)[0].dtype, jnp.floating)

    def f(values, x):
        pairs = zip(layer.trainable_variables, values, strict=True)
        mapping = [*pairs, *zip(layer.non_trainable_variables, fixed, strict=True)]
        with keras.StatelessScope(state_mapping=mapping):
            y = call(layer, x)
        return sum(jnp.sum(w * a) for w, a in zip(weights, parts(y), strict=True)), y

    values = [v.value for v in layer.trainable_variables]
    grad = jax.value_and_grad(f, argnums=(0, 1) if smooth else 0, has_aux=True)
    (_, y), found = jit(grad)(values, x)
    by_weights, by_input = found if smooth else (found, None)
    named = {
        place[v.path]: np.reshape(g, ours[place[v.path]].shape)
        for v, g in zip(layer.trainable_variables, by_weights, strict=True)
    }
    return y, named, by_input, sum(int(np.prod(v.shape)) for v in held)


def in_torch(peer, params, x, weights):
    to = lambda a: torch.tensor(np.asarray(a), requires_grad=np.asarray(a).dtype.kind == "f")
    p, t = jax.tree.map(to, params), jax.tree.map(to, x)
    y = parts(peer.torch(p, t))
    sum((torch.tensor(w) * a).sum() for w, a in zip(weights, y, strict=True)).backward()
    zero = lambda a: np.zeros(a.shape, np.float32) if a.grad is None else a.grad.numpy()
    by_input = jax.tree.map(zero, t) if jax.tree.leaves(t)[0].requires_grad else None
    return [a.detach().numpy() for a in y], jax.tree.map(zero, p), by_input, None


def largest(tree):
    return max((float(np.abs(a).max(initial=0)) for a in jax.tree.leaves(tree)), default=0.0)


def same(got, want, what, scale):
    """1e-5 of the largest number: float32 sums in another order.

    For gradients that is the largest of all arrays: one that is 0 by a symmetry (the bias of the
    keys in attention) is a sum of numbers as large as the others' that cancel.
    """
    got, want = np.asarray(got), np.asarray(want)
    scale = max(scale, 1e-3)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * scale, err_msg=what)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("cls", PEERS, ids=lambda cls: cls.__name__)
def test_forward_gradient_and_count(cls, seed):
    rng = np.random.default_rng(seed)
    peer = PEERS[cls](rng)
    layer, shape = peer.layer, peer.input_shape
    assert type(layer) is cls
    batch = getattr(layer, "batch_size", None) or int(rng.integers(1, 9))
    params, state = start(layer, shape)
    x = draw(shape, batch, seed, domain=peer.domain, dtype=np.float32)
    built = layer.build(shape)
    several = bool(built) and isinstance(built[0], tuple)
    shapes = built if several else (built,)
    weights = [rng.standard_normal((batch, *s)).astype(np.float32) for s in shapes]
    smooth = peer.domain == "real"

    def f(params, x):
        y, _ = layer.apply(params, state, x)
        return sum(jnp.sum(w * a) for w, a in zip(weights, parts(y), strict=True)), y

    grad = jax.value_and_grad(f, argnums=(0, 1) if smooth else 0, has_aux=True)
    (_, y), found = jit(grad)(params, x)
    by_weights, by_input = found if smooth else (found, None)
    results = []
    if peer.keras is not None:
        with jax.numpy_rank_promotion("allow"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras broadcasts and deprecates as it likes
            results.append(in_keras(peer, params, state, x, weights))
    if peer.torch is not None:
        results.append(in_torch(peer, params, x, weights))
    assert results
    for wanted, grads, input_grads, count in results:
        for i, (a, b) in enumerate(zip(parts(y), parts(wanted), strict=True)):
            same(a, b, f"output {i}", largest(b))
        for name, g in by_weights.items():
            same(g, grads[name], f"gradient of {name}", largest(grads))
        if smooth:
            for a, b in zip(jax.tree.leaves(by_input), jax.tree.leaves(input_grads), strict=True):
                same(a, b, "gradient by the input", largest(input_grads))
        if count is not None:
            own = sum(a.size for a in jax.tree.leaves((params, state)))
            assert own == count
