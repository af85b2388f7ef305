"""Model and Sequential: a Graph with the familiar face (compile, fit, evaluate, predict, save)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DataError, DescendError
from descend.nn.rebuilding import symbols_from_config
from descend.nn.symbols import Symbol, Undecided, listed, require_training
from descend.train import (
    checkpoint,
    compiling,
    engine,
    optimizers,
    prediction,
    rows,
)
from descend.train.on_batch import OnBatches
from descend.train.callbacks import Callback, Progress, show_logs
from descend.train.callbacks.base import call_all, introduce
from descend.train.callbacks.base import listed as listed_callbacks
from descend.train.feeds import Arrays, Stream
from descend.train.history import History
from descend.train.program import evaluation, finished
from descend.train.rule_view import RuleView
from descend.train.run import Run, Snapshot
from descend.train.supervised import Supervised
from descend.train.wiring import Wired, symbols_like


class Model(OnBatches, Wired):
    """A network that can be trained.

    Args:
        inputs, outputs: symbols, as in `Graph`.
        name: shown by `summary()`.
        seed: what the weights are drawn from if they are used before `fit` gives a seed.
        compute_dtype: "bfloat16" for mixed precision in all layers; weights stay float32.

    `model.params` and `model.layer_state` are the present weights; the functional core
    (`model.init`, `model.apply`) leaves them alone.

    The weights belong to the layers. Models over the same layers, also a model that was called on
    symbols or stands in a Sequential, have one set of weights between them: what one of them
    trains, sets or freezes, all of them have, as in Keras.

        i = Input((784,)); code = Dense(32, "relu")(i); out = Dense(784, "sigmoid")(code)
        encoder, autoencoder = Model(i, code), Model(i, out)    training one trains the other
        base = model.features("hidden2")
        base.trainable = False
        new = Sequential([base, Dense(5, "softmax")])

    The weights are drawn when they are first needed, by the model that needs them, from its seed;
    layers that have weights keep them. `clone_model` makes a model with weights of its own, and so
    do sweep, ensemble and cross_validate for each of their members.
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str = "model",
        seed: int = 0,
        compute_dtype: str | None = None,
    ):
        if (inputs is None or outputs is None) and type(self) is Model:
            raise DescendError(
                "Model needs inputs and outputs: i = Input((4,)); Model(i, Dense(1)(i)); or write "
                "a class X(Model) with call(self, inputs)"
            )
        self.history: History | None = None
        self.stop_training = False  # a callback may set it, as in Keras
        self._compiled: dict[str, Callable] = {}
        self._drawn_noise = 0  # calls with training=True
        self._asked: dict[str, Any] | None = None  # what `compile` was given
        super().__init__(inputs, outputs, name, seed, compute_dtype)

    # -- compile ------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Any = (),
        loss_weights: Any = None,
        mixup: float | None = None,
    ) -> None:
        """Choose the update rule, the loss, and what is reported.

        Args:
            optimizer: a name, a rule of descend.train.optimizers, or an Optax transformation.
            loss: a name, a descend.nn.losses.Loss, or a function (y, prediction) -> (n,); for
                several outputs a list or a dict by output name.
            metrics: names or functions; for several outputs a dict of lists.
            loss_weights: share of each output's loss in the cost (list or dict); 1 by default.
            mixup: alpha > 0 of mixup (descend.train.supervised.mix), an augmentation of any kind of
                rows inside the training step; it may be swept. Metrics are then of the mixed rows
                against their first part's targets.

        Raises:
            DescendError: an unknown name (the nearest one is suggested), a missing loss.
        """
        rule = optimizer.rule if isinstance(optimizer, RuleView) else optimizers.get(optimizer)
        self._asked = {
            "optimizer": rule,
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "mixup": mixup,
        }
        if not vars(self).get("_wired"):  # again when it is
            compiling.require_loss(loss)
            return
        outputs = compiling.outputs_of(self, loss, metrics, loss_weights)
        mixing = compiling.mixup_of(self, mixup)
        self._set_task(Supervised(self, rule, outputs, mixing))

    # -- training -----------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | bool | str = 1,
        callbacks: Sequence[Any] = (),
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        *,
        seed: int | None = None,
        resume: str | Path | None = None,
        on_interrupt: str = "return",
    ) -> History:
        """Train for `epochs` passes over the rows.

        Args:
            x: array (n, ...), DataFrame, a list or dict of them, or a `Stream`.
            y: targets, of the outputs' shape; integer labels (n,) for the sparse cross-entropy.
            batch_size: rows an update; 32 by default (all, for full-batch rules).
            epochs: number of the last epoch; with `initial_epoch` e, epochs - e are run.
            verbose: 0 silent, 1 ("auto") progress bar, 2 one line an epoch.
            callbacks: see descend.train.callbacks.
            validation_split: share of the last rows kept for validation (Keras's rule); warns where
                they are unlike the rest.
            validation_data: (x, y) or (x, y, sample_weight).
            shuffle: True (without replacement), False, or "with_replacement" (hull-2023, Alg. 1).
            class_weight: {class: weight}; for several outputs {output: {class: weight}}.
            sample_weight: (n,); weights are scaled to mean one.
            seed: draws weights (if there are none yet), the order of rows, and noise; the model's
                seed by default. Rows are ordered by (seed, epoch): a second fit repeats the order
                unless it gets another seed or goes on with `initial_epoch`.
            resume: a ModelCheckpoint file to go on from.
            on_interrupt: what Ctrl-C does: "return" with the weights reached and an
                `descend.train.engine.InterruptedWarning` (`history.interrupted` says so too), or
                "raise" KeyboardInterrupt, the model keeping them. A second Ctrl-C raises at once.

        Returns:
            The History; also `model.history`.

        Raises:
            DataError, ShapeError: the data cannot be used; nothing has been trained.
            DescendError: the model is in training already (a callback asks for it).
            DivergenceError: a NaN; the model keeps the last finite weights.
            CheckpointError: `resume` cannot be used.
            KeyboardInterrupt: see `on_interrupt`.
        """
        self._meet(x)
        task = self.task
        if self._run is not None:
            raise DescendError(f"{self.name} is in training; fit it again when that has ended")
        anew = seed is not None
        seed = rows.require_seed(self.seed if seed is None else seed)
        rows.require_epochs(epochs, initial_epoch)
        callbacks = listed_callbacks(callbacks)
        self.stop_training = False
        verbose = 1 if verbose == "auto" else int(verbose)
        if isinstance(x, Stream):
            feed, validation, identity, make_chunk = self._streamed(
                x, y, batch_size, validation_split, validation_data, class_weight, shuffle, seed
            )
        else:
            make_chunk = None
            data = rows.make_rows(self, task.outputs, x, y, sample_weight)
            kept = None
            if validation_data is not None:
                kept = self._validation_rows(validation_data)
            elif validation_split:
                data, kept = rows.split_tail(data, validation_split)
                kept = rows.weighted(kept, task.outputs)
            data = rows.weighted(data, task.outputs, class_weight)
            size = rows.rows_a_batch(batch_size, len(data.x[0]), task.optimizer)
            prediction.require_order(self, len(data.x[0]), size, shuffle)
            feed = Arrays(data, size, shuffle, seed)
            validation = self.whole_feed(kept, size, "validation data")
            identity = {"seed": seed, "batch_size": size, "shuffle": shuffle}
            if resume is not None or any(hasattr(c, "save_best_only") for c in callbacks):
                identity["data"] = rows.fingerprint(data)
        state = self.start_state(task, seed)
        if anew and self._drawn:
            state = state._replace(key=jax.random.split(jax.random.key(seed))[1])
        shown = [Progress(int(verbose))] if verbose else []
        try:
            run = engine.train(
                task,
                feed,
                epochs,
                state=state,
                callbacks=[_Follow(self), *callbacks, *shown],
                validation=validation,
                initial_epoch=initial_epoch,
                model=self,
                identity=identity,
                resume=resume,
                make_chunk=make_chunk,
                on_interrupt=on_interrupt,
                verbose=verbose,
            )
        except BaseException:  # it diverged, or a callback failed: keep what was reached
            if self._run is not None:
                self._take(self._run)
            raise
        self._take(run)
        return run.history

    def _take(self, run: Run) -> None:
        leaf = jax.tree.leaves(run.state.params)[0]
        if len(leaf.sharding.device_set) > 1:  # one copy where training held one on each device
            run.snapshot = Snapshot.of(jax.device_put(run.state, jax.devices()[0]))
        self._leave()
        if len(run.history):
            self.history = run.history

    def whole_feed(self, data: Any, size: int, where: str) -> Any:
        """A feed of all rows for an evaluation; in the stateful layers' batches where there are."""
        if data is None or not self.carries:
            return rows.whole(data, size)
        prediction.require_whole_batches(self, len(data.x[0]), where)
        return Arrays(data, prediction.batch_of(self), shuffle=False)

    def _validation_rows(self, given: Any) -> rows.Rows:
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise DataError("validation_data must be (x, y) or (x, y, sample_weight)")
        weight = given[2] if len(given) == 3 else None
        where = "validation data"
        made = rows.make_rows(self, self.task.outputs, given[0], given[1], weight, where)
        return rows.weighted(made, self.task.outputs, where=where)

    def _streamed(
        self,
        stream: Stream,
        y: Any,
        batch_size: int | None,
        split: float,
        validation: Any,
        class_weight: Any,
        shuffle: bool | str,
        seed: int,
    ) -> tuple[Any, ...]:
        if y is not None or split or class_weight:
            raise DataError(
                "a Stream gives x, y and sample_weight itself; y, validation_split and "
                "class_weight cannot be given beside it (validation_data can)"
            )
        if self.task.optimizer.full_batch:
            raise DataError(f"{self.task.optimizer.name!r} needs all rows at once, not a Stream")
        size = batch_size or rows.DEFAULT_BATCH

        def make_chunk(piece: Any, number: int) -> Arrays:
            weight = piece[2] if len(piece) > 2 else None
            where = f"chunk {number + 1}"
            made = rows.make_rows(self, self.task.outputs, piece[0], piece[1], weight, where)
            return Arrays(made, min(size, len(made.x[0])), shuffle, seed, chunk=number)

        if self.carries:
            raise DataError("a Stream is cut into batches anew; train a stateful model on arrays")
        kept = None if validation is None else self._validation_rows(validation)
        identity = {"seed": seed, "batch_size": size, "shuffle": shuffle, "data": "stream"}
        return stream, rows.whole(kept, size), identity, make_chunk

    # -- use ----------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | bool | str = 1,
        sample_weight: Any = None,
        return_dict: bool = False,
        callbacks: Any = None,
    ) -> Any:
        """The cost, and metrics, on given rows at prediction.

        Args:
            x, y, sample_weight: as in `fit`.
            batch_size: rows at a time.
            verbose: 1 prints the result.
            return_dict: whether a dict by name is returned.
            callbacks: their on_test_begin and on_test_end are called.

        Returns:
            The cost as a float; a list [cost, *metrics] where there are metrics; or a dict.
        """
        self._meet(x)
        verbose = 1 if verbose == "auto" else int(verbose)
        task, callbacks = self.task, listed_callbacks(callbacks)
        where = "evaluation data"
        data = rows.make_rows(self, task.outputs, x, y, sample_weight, where)
        data = rows.weighted(data, task.outputs, where=where)
        whole = self.whole_feed(data, batch_size or rows.DEFAULT_BATCH, where)
        self._present()
        state = self.start_state(task, self.seed)
        introduce(callbacks, self, epochs=1, steps=whole.steps, verbose=verbose)
        call_all(callbacks, "on_test_begin", {})
        sums = finished(task, evaluation(task, whole)(state))
        logs = {name: float(value) for name, value in sums.items()}
        call_all(callbacks, "on_test_end", logs)
        if verbose:
            print(show_logs(logs))
        if return_dict:
            return logs
        return list(logs.values()) if len(logs) > 1 else logs["loss"]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | bool | str = 0,
        callbacks: Any = None,
    ) -> Any:
        """The outputs on rows x: an array (n, ...), or a list of them for several outputs.

        Args:
            x: as in `fit`.
            batch_size: rows at a time; the numbers do not depend on it.
            verbose: has no effect.
            callbacks: their on_predict_begin and on_predict_end are called.
        """
        callbacks = listed_callbacks(callbacks)
        self._meet(x)
        arrays = rows.make_inputs(self, x, "prediction data")
        introduce(callbacks, self, epochs=1, steps=None, verbose=verbose)
        call_all(callbacks, "on_predict_begin", {})
        found = prediction.predict(self, arrays, batch_size)
        call_all(callbacks, "on_predict_end", {})
        return found[0] if self.single_output else found

    def monte_carlo(self, x: Any, samples: int = 100, seed: int = 0) -> prediction.MonteCarlo:
        """Model averaging by dropout: the mean of p(y | x, mu) over drawn masks mu, and its spread.

            mean = 1/k sum_i h(x; mu_i)

        Random layers stay active, batch statistics and augmentation do not.

        Args:
            x: as in `predict`.
            samples: k, how many masks are drawn for each row.
            seed: what they are drawn from.

        Returns:
            (mean, spread): arrays (n, ...), or lists of them for several outputs; the spread is the
            standard deviation over the draws, in units of the output.

        Raises:
            DescendError: the network has no random layer.

        Source: scheidegger-2020, "Regularization in NN: Dropout".
        """
        arrays = rows.make_inputs(self, x, "prediction data")
        means, spreads = prediction.monte_carlo(self, arrays, samples, rows.require_seed(seed))
        single = self.single_output
        return prediction.MonteCarlo(
            means[0] if single else means, spreads[0] if single else spreads
        )

    def reset_states(self) -> None:
        """Let stateful recurrent layers forget what they carried over from earlier batches."""
        params, layers = self._present()
        self._adopt(params, self.forget(layers))

    def __call__(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """On symbols: put this network behind them. On arrays: its output (as JAX arrays).

        Args:
            inputs: symbol or array, or a list (or dict) of them.
            training: on symbols False fixes the layers as they are at prediction, in whatever
                network they come to stand; on arrays True turns dropout and batch statistics on,
                with a new draw at every call (running averages stay as they are).
            mask: nothing; masks follow by themselves.
        """
        parts = list(inputs.values()) if isinstance(inputs, Mapping) else listed(inputs)
        if mask is not None:
            raise DescendError(f"{self.name} is called with mask=...: masks follow by themselves")
        if parts and isinstance(parts[0], Symbol):
            if not vars(self).get("_wired"):
                self._wire_for(symbols_like(inputs))
            fixed = require_training(training, self.label)
            return super().__call__(parts if len(parts) > 1 else parts[0], fixed)
        self._meet(inputs)
        # also in a program that is being traced
        x = tuple(map(jnp.asarray, [inputs] if self.single_input else parts))
        params, layers = self._present()
        if training and not isinstance(training, Undecided):
            self._drawn_noise += 1
            key = jax.random.fold_in(jax.random.key(self.seed), self._drawn_noise)
            whole = x[0] if self.single_input else x
            y, _ = self.apply(params, layers, whole, key=key, training=True)
            return y
        found, _ = prediction.forward(self, params, layers, x)
        return found[0] if self.single_output else found

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = True,
        show_trainable: bool = True,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, their output shapes and parameter counts.

        Args:
            line_length: width of a line, at least; by default as wide as the longest.
            print_fn: function that gets each line in the place of `print`.
            positions, expand_nested, show_trainable, layer_range: Keras's; all is shown always.
        """
        from descend.train.summary import summary

        text = summary(self, line_length)
        if print_fn is None:
            print(text)
        else:
            for line in text.split("\n"):
                print_fn(line)

    # -- on disk ------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """The JSON description: graph; optimiser, loss and metrics as far as they have names."""
        described = None if self._task is None else compiling.describe(self._task)
        return {"graph": self.config(), "seed": self.seed, "compile": described}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Model:
        """The model that `get_config` describes, its weights undrawn.

        Args:
            config: what `get_config` gave.
            custom_objects: {class name: class} for layers of the user's own.
        """
        symbols = symbols_from_config(config, custom_objects)
        return Model(*symbols, name=config["name"], seed=config.get("seed", 0))

    def save(self, path: str | Path, extra: Mapping[str, Any] | None = None) -> None:
        """Write description and weights to one file (`load_model` reads it).

        Args:
            path: conventionally *.descend; written to a temporary name and renamed.
            extra: JSON that travels along, such as the table recipe's encoder.

        Raises:
            DescendError: the file cannot be written.
        """
        arrays = checkpoint.flatten(self.params, "params")
        arrays |= checkpoint.flatten(self.layer_state, "layers")
        described: dict[str, Any] = {"model": self.describe(), "extra": dict(extra or {})}
        history = self._run.history if self._run is not None else self.history
        if history is not None:
            described |= {"history": history.history, "epochs": history.epoch}
            described["logged"] = history.logged
        checkpoint.write(path, "model", described, arrays)


class _Follow(Callback):
    """Lets `model.params` be the weights of the run while it trains."""

    def __init__(self, model: Model):
        self._model = model

    def set_run(self, run):
        """Point the model at the run."""
        self.run = run
        self._model._enter(run)
