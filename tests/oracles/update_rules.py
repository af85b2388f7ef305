"""The update rules of scheidegger-2020, "Few variants of SGD", transcribed line by line in numpy.

A rule is `rule(w, gradient, t, memory, **settings) -> w`, with `gradient(w)` the gradient on the
step's batch at any point, t = 0, 1, ..., and `memory` a dict that starts empty. Vectors are flat.
The gradients come from `Perceptron`, a one-hidden-layer network differentiated by hand (hull-2023,
"Back-propagation for MLPs"): nothing here uses JAX.
"""

from __future__ import annotations

import numpy as np


def sgd(w, gradient, t, memory, *, eta):
    """w(t+1) = w(t) - eta grad w(t)."""
    return w - eta * gradient(w)


def momentum(w, gradient, t, memory, *, eta, mu):
    """w(t+1) = w(t) + mu (w(t) - w(t-1)) - eta grad w(t) [Qian 1999]."""
    before = memory.get("w", w)
    memory["w"] = w
    return w + mu * (w - before) - eta * gradient(w)


def nesterov_lookahead(w, gradient, t, memory, *, eta, mu):
    """v(t+1) = mu v(t) - eta grad l(w(t) + mu v(t)), w(t+1) = w(t) + v(t+1) [Nesterov 1983].

    The slide's w - mu v, with v added to w, would look behind; see train.optimizers.Nesterov.
    """
    v = memory.get("v", np.zeros_like(w))
    memory["v"] = mu * v - eta * gradient(w + mu * v)
    return w + memory["v"]


def nesterov_pytorch(w, gradient, t, memory, *, eta, mu):
    """buf = mu buf + g; w = w - eta (g + mu buf) (PyTorch, torch.optim.SGD, nesterov=True)."""
    g = gradient(w)
    memory["buf"] = mu * memory.get("buf", 0.0) + g
    return w - eta * (g + mu * memory["buf"])


def adagrad(w, gradient, t, memory, *, eta, eps, start=0.0, inside=True):
    """w - eta g / sqrt(A + eps), A = sum of g^2 [Duchi et al. 2011]; or sqrt(A) + eps."""
    g = gradient(w)
    memory["A"] = memory.get("A", start) + g**2
    return w - eta * g / _root(memory["A"], eps, inside)


def rmsprop(w, gradient, t, memory, *, eta, beta, eps, mu=0.0, inside=True):
    """w - eta g / sqrt(A + eps), A = beta A + (1 - beta) g^2 [Hinton 2012]; mu: momentum."""
    g = gradient(w)
    memory["A"] = beta * memory.get("A", 0.0) + (1 - beta) * g**2
    memory["b"] = mu * memory.get("b", 0.0) + g / _root(memory["A"], eps, inside)
    return w - eta * memory["b"]


def adam(w, gradient, t, memory, *, eta, beta_1, beta_2, eps, inside=False, decay=0.0):
    """w - eta M1 / sqrt(M2 + eps), M corrected by 1 - beta^t [Kingma and Ba 2015].

    The slide writes the corrected M on both sides of the recursion; the paper (Algorithm 1), and
    everyone, corrects where M is used. decay: AdamW's lambda (Loshchilov and Hutter 2019).
    """
    g = gradient(w)
    memory["m"] = beta_1 * memory.get("m", 0.0) + (1 - beta_1) * g
    memory["v"] = beta_2 * memory.get("v", 0.0) + (1 - beta_2) * g**2
    m, v = memory["m"] / (1 - beta_1 ** (t + 1)), memory["v"] / (1 - beta_2 ** (t + 1))
    return w - eta * (m / _root(v, eps, inside) + decay * w)


def _root(square, eps, inside):
    return np.sqrt(square + eps) if inside else np.sqrt(square) + eps


class Perceptron:
    """y = W2' tanh(W1' x + b1) + b2 with J = 1/n sum_i mean_k (y - target)^2, by hand.

    `flat` order: b1, W1, b2, W2 (JAX flattens dicts by sorted names: bias before kernel).
    """

    def __init__(self, inputs, hidden, outputs):
        self.shapes = [(hidden,), (inputs, hidden), (outputs,), (hidden, outputs)]

    def split(self, w):
        sizes = np.cumsum([np.prod(s) for s in self.shapes])[:-1]
        return [part.reshape(s) for part, s in zip(np.split(w, sizes), self.shapes, strict=True)]

    def start(self, seed):
        rng = np.random.default_rng(seed)
        return 0.6 * rng.standard_normal(sum(int(np.prod(s)) for s in self.shapes))

    def cost(self, w, x, y):
        b1, w1, b2, w2 = self.split(w)
        return np.mean((np.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)

    def gradient(self, w, x, y):
        b1, w1, b2, w2 = self.split(w)
        a = np.tanh(x @ w1 + b1)
        delta = 2 * (a @ w2 + b2 - y) / y.size  # dJ/dz of the output
        back = (delta @ w2.T) * (1 - a**2)  # dJ/dz of the hidden layer: tanh' = 1 - a^2
        parts = [back.sum(axis=0), x.T @ back, delta.sum(axis=0), a.T @ delta]
        return np.concatenate([part.ravel() for part in parts])


def path(rule, network, w, batches, **settings):
    """Costs where each step took its gradient, and all iterates w(0), w(1), ..., w(T)."""
    costs, iterates, memory = [], [w], {}
    for t, (x, y) in enumerate(batches):

        def gradient(at, x=x, y=y):
            costs.append(network.cost(at, x, y))
            return network.gradient(at, x, y)

        w = rule(w, gradient, t, memory, **settings)
        iterates.append(w)
    return np.array(costs), np.array(iterates)
