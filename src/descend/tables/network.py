"""The network of a table, and its training: shared by the estimators and `descend fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from descend.nn.layers import (
    Activation,
    Add,
    CategoryEmbedding,
    Concatenate,
    Dense,
    Dropout,
    EmbeddingBag,
    FeatureScale,
    MemberDense,
    Members,
    NTKDense,
    PeriodicFeatures,
    RepeatVector,
)
from descend.nn.losses import MemberLoss
from descend.nn.regularizers import L2
from descend.nn.symbols import Input
from descend.tables.encoder import Encoded, Encoder, Part
from descend.tables.heads import Head
from descend.tables.options import NetworkOptions
from descend.tables.stopping import LEAST_EPOCHS, StopAfterThirdWave
from descend.train.callbacks import EarlyStopping
from descend.train.engine.history import History
from descend.train.model.model import Model
from descend.train.rules import AdamW, Optimizer
from descend.train.rules import get as rule_of
from descend.train.rules.schedules import CosineLog

UPDATES_PER_EPOCH = 40  # of the lectures' network, where nobody chose a batch size
BATCH = 256  # of RealMLP
# RealMLP's, by whether classes are predicted
RATES = {True: 0.04, False: 0.07}
DECAY = 0.02  # of the weights, times the rate
ACTIVATIONS = {True: "selu", False: "mish"}
EMBEDDED = 8  # numbers that stand for a level
TEXT_DROPOUT = 0.5  # share of a text's words left out of an update
TEXT_SPEED = {"realmlp": 0.25, "mlp": 10.0}  # of a word's score, compared with other weights


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        model: network with the weights of the best epoch.
        history: history of the training.
        best_epoch: epoch of the lowest validation cost, counted from 1.
        asked: arguments of the training: rows of a batch (None for all), epochs at most, patience;
            empty where a file does not say.
    """

    model: Model
    history: History
    best_epoch: int
    asked: Mapping[str, int | None] = field(default_factory=dict)


def network(encoder: Encoder, head: Head, options: NetworkOptions, name: str = "table") -> Model:
    """The untrained network: inputs as `Encoded.inputs`, outputs (members, head.outputs).

    A single member is a network as any other, with outputs (head.outputs,).
    """
    numbers, embedded = len(encoder.names()), encoder.embedded
    inputs, parts = [], []
    if numbers:
        x = Input((numbers,))
        inputs.append(x)
        waving = encoder.continuous() if options.chosen("periodic") else ()
        parts.append(PeriodicFeatures(features=waving)(x) if waving else x)
    if embedded:
        codes = Input((len(embedded),))
        inputs.append(codes)
        parts.append(CategoryEmbedding(tuple(embedded.values()), EMBEDDED)(codes))
    words = None
    if encoder.length:
        words = Input((encoder.length,), dtype="int32")
        inputs.append(words)
    if words is not None and not parts:
        out = _scores(words, encoder, head, options)
        return Model(words, Activation(head.activation)(out), name=name, seed=options.seed)
    h = parts[0] if len(parts) == 1 else Concatenate()(parts)
    penalty = L2(options.l2) if options.l2 else None
    ours = options.recipe == "realmlp"
    layer = NTKDense if ours else Dense
    usual = ACTIVATIONS[head.classifies] if ours else "swish"
    if ours:
        h = FeatureScale()(h)
    several = options.chosen("members") > 1
    if several:
        h = Members(options.chosen("members"))(h)
    for units in options.chosen("hidden"):
        h = layer(units, options.activation or usual, kernel_regularizer=penalty)(h)
        if options.chosen("dropout"):
            h = Dropout(options.chosen("dropout"))(h)
    last = MemberDense if several else layer
    # RealMLP's last layer starts at zero, the lectures' as any other
    out = last(
        head.outputs,
        head.activation if words is None else "linear",
        kernel_initializer="zeros" if ours else "glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=penalty,
    )(h)
    if words is not None:
        scores = _scores(words, encoder, head, options)
        if several:  # the members share them
            scores = RepeatVector(options.chosen("members"))(scores)
        out = Activation(head.activation)(Add()([out, scores]))
    return Model(inputs if len(inputs) > 1 else inputs[0], out, name=name, seed=options.seed)


def _scores(words: Any, encoder: Encoder, head: Head, options: NetworkOptions) -> Any:
    """What a text adds to each output: a score of each of its words, as in a linear model.

    Hidden layers behind the words were tried, on ten thousand sentences: they learn the training
    rows by heart. That words are left out at random is what keeps the scores small.
    """
    return EmbeddingBag(
        encoder.vocabulary,
        head.outputs,
        dropout=TEXT_DROPOUT,
        speed=TEXT_SPEED[options.recipe],
        embeddings_initializer="zeros",
    )(words)


def train_network(
    encoder: Encoder,
    head: Head,
    options: NetworkOptions,
    train: Part,
    validation: Part,
    *,
    model: Model | None = None,
    callbacks: Sequence[Any] = (),
    verbose: int = 0,
) -> Trained:
    """Train with the weights of the best validation epoch put back.

    Args:
        model: what `network` gave; made here if left out.

    Raises:
        DescendError: an option that the optimizer or a layer refuses.
        DivergenceError: the cost became infinite or NaN.
        KeyboardInterrupt: before the end of the first epoch; later ones keep what was reached.
    """
    model = model or network(encoder, head, options)
    compile_for(model, head, options, len(train.y))
    size, epochs = batch_size(len(train.y), options), options.chosen("epochs")
    stop = _stopping(options, epochs)
    arguments = {"batch_size": size, "epochs": epochs, "patience": stop.patience}
    checked = (validation.x.inputs(), validation.y)
    history = model.fit(
        train.x.inputs(),
        train.y,
        batch_size=size,
        epochs=epochs,
        sample_weight=train.weight,
        validation_data=checked if validation.weight is None else (*checked, validation.weight),
        callbacks=[stop, *callbacks],
        seed=options.seed,
        verbose=verbose,
    )
    if not len(history):
        raise KeyboardInterrupt
    _fill_unused_vectors(model, train.x.codes)
    return Trained(model, history, int(stop.best_epoch) + 1, arguments)


def _fill_unused_vectors(model: Model, codes: np.ndarray) -> None:
    """Put the mean of the vectors looked up in training, rows counted, where none was.

    The untrained vector of a level that only rows to come have would be the noise it was drawn as.
    """
    for layer in (node.layer for node in model.nodes):
        if not isinstance(layer, CategoryEmbedding):
            continue
        name = str(layer.name)
        params = {layer: dict(arrays) for layer, arrays in model.params.items()}
        vectors = np.array(params[name]["embeddings"])
        first = 0
        for size, column in zip(layer.sizes, codes.T, strict=True):
            of_column = vectors[first : first + size]
            unused = np.setdiff1d(np.arange(size), column)
            of_column[unused] = of_column[column].mean(axis=0)
            first += size
        params[name]["embeddings"] = vectors
        model.params = params


def compile_for(model: Model, head: Head, options: NetworkOptions, rows: int) -> None:
    """Give the network its loss and its update rule, whose rates follow the count of updates."""
    size = batch_size(rows, options) or rows
    model.compile(
        optimizer=_rule(options, head, options.chosen("epochs") * -(-rows // size)),
        # of texts alone there are no members: their scores are one linear model
        loss=MemberLoss(head.loss) if len(model.output_shapes[0]) > 1 else head.loss,
    )


def outputs(model: Model, x: Encoded) -> np.ndarray:
    """What the network puts out, (n, members, ...); members 1 where it has none."""
    values = np.asarray(model.predict(x.inputs()))
    return values if values.ndim == 3 else values[:, None]


def _rule(options: NetworkOptions, head: Head, steps: int) -> Optimizer:
    """The update rule: RealMLP's Adam with decay on waves of rates, or what is asked for."""
    rule = rule_of(options.chosen("optimizer"))
    rate = options.learning_rate
    if not scheduled(options):
        return rule if rate is None else rule_of({"name": rule.name, "learning_rate": rate})
    rate = rate or RATES[head.classifies]
    return AdamW(CosineLog(rate, steps), beta_2=0.95, weight_decay=DECAY)


def _stopping(options: NetworkOptions, epochs: int) -> EarlyStopping:
    if options.patience is None and in_waves(options):
        return StopAfterThirdWave(epochs)
    return EarlyStopping("val_loss", patience=options.waits)


def in_waves(options: NetworkOptions) -> bool:
    """Whether the waves of rates decide when training ends."""
    return scheduled(options) and options.chosen("epochs") >= LEAST_EPOCHS


def scheduled(options: NetworkOptions) -> bool:
    """Whether the recipe's waves of rates are used, which end at zero."""
    return options.recipe == "realmlp" and options.optimizer is None


def batch_size(rows: int, options: NetworkOptions) -> int | None:
    """The rows of an update; None: all.

    RealMLP's is 256; that of the lectures' network the power of two that gives about 40 updates an
    epoch.
    """
    if options.batch_size is not None:
        return options.batch_size
    if rule_of(options.chosen("optimizer")).full_batch:
        return None
    if options.recipe == "realmlp":
        return min(BATCH, rows)
    power = 1 << max(round(rows / UPDATES_PER_EPOCH).bit_length() - 1, 0)
    return min(max(power, 8), 256, rows)
