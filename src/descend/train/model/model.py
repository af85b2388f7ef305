"""Model and Sequential: a Graph with the familiar face (compile, fit, evaluate, predict, save)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DataError, DescendError
from descend.nn.rebuilding import symbols_from_config
from descend.nn.symbols import Symbol, Undecided, arranged, listed, require_training
from descend.train import engine
from descend.train.callbacks import Callback, Progress, show_logs
from descend.train.callbacks.base import call_all, introduce, runs_in, shown_as
from descend.train.callbacks.base import listed as listed_callbacks
from descend.train.engine import placement
from descend.train.engine.feeds import Arrays, Stream
from descend.train.engine.history import History
from descend.train.engine.program import evaluation, finished
from descend.train.engine.run import Run, Snapshot
from descend.train.model import compiling, fitting, prediction, rows
from descend.train.model.batches import Batches, is_batches
from descend.train.model.network_task import NetworkTask
from descend.train.model.on_batch import OnBatches
from descend.train.model.predicting import Predicting
from descend.train.model.rule_view import RuleView
from descend.train.model.seeds import default_seed
from descend.train.model.supervised import Rows, Supervised
from descend.train.model.wiring import Wired, symbols_like
from descend.train.rules import get as rule_of
from descend.train.saving import checkpoint


class Model(OnBatches, Predicting, Wired):
    """A network that can be trained.

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

    Args:
        inputs, outputs: symbols, as in `Graph`.
        name: name that `summary()` shows.
        seed: seed of the weights if they are used before `fit` gives a seed; by default
            that of `descend.keras.utils.set_random_seed`, else 0.
        compute_dtype: "bfloat16" for mixed precision in all layers; weights stay float32.

    Raises:
        DescendError: inputs or outputs that are missing or no symbols, an output that depends on an
            input that is not given, an input that no output uses, a name that was chosen twice.
        NotFittedError: a network that waits for a shape is used before it has seen one, or one that
            is not compiled is trained.

    Source: Keras's API, Model; itam-2023, 1.8 "Example of a NN in Python"; hull-2023, "Multi-layer
    Neural Networks".

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Model
        >>> i = Input((1,))
        >>> model = Model(i, Dense(1)(i))
        >>> model.compile("newton", "mse")
        >>> x = np.array([[0.0], [1.0]])
        >>> history = model.fit(x, 2 * x + 1, epochs=1, verbose=0)  # y = 2 x + 1
        >>> model.predict(np.array([[3.0]])).round(3).tolist()
        [[7.0]]
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str = "model",
        seed: int | None = None,
        compute_dtype: str | None = None,
    ):
        if (inputs is None or outputs is None) and type(self) is Model:
            raise DescendError(
                "Model needs inputs and outputs: i = Input((4,)); Model(i, Dense(1)(i)); or write "
                "a class X(Model) with call(self, inputs)"
            )
        seed = default_seed() if seed is None else seed
        self.history: History | None = None
        self.stop_training = False  # a callback may set it, as in Keras
        self._drawn_noise = 0  # calls with training=True
        self._compile_options: dict[str, Any] | None = None  # what `compile` was given
        super().__init__(inputs, outputs, name, seed, compute_dtype)

    # -- compile ------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Any = (),
        loss_weights: Any = None,
        mixup: float | None = None,
        *,
        task: NetworkTask | None = None,
        **others: Any,
    ) -> None:
        """Choose the update rule, the loss, and what is reported.

        Args:
            optimizer: a name, a rule of descend.train.rules, or an Optax transformation.
            loss: a name, a descend.nn.losses.Loss, or a function (y, prediction) -> (n,); for
                several outputs a list or a dict by output name.
            metrics: names or functions; for several outputs a dict of lists.
            loss_weights: share of each output's loss in the cost (list or dict); 1 by default.
            mixup: number alpha > 0 of mixup (descend.train.model.supervised.mix), an augmentation
                of any kind of rows inside the training step; it may be swept. Metrics are then of
                the mixed rows against their first part's targets.
            task: a Task of one's own over this network, in the place of all the others: its step is
                what fit, callbacks, checkpoints and sweeps run (docs/write-your-own-task.md). A
                file of the model holds the weights; `compile(task=...)` again after `load_model`.
            others: further arguments of Keras's, at the values at which they change nothing here.

        Raises:
            DescendError: an unknown name (the nearest one is suggested), a missing loss.
        """
        compiling.require_nothing_else(others)
        if task is not None:
            self.put_task(compiling.require_task(self, task, loss))
            return
        rule = optimizer.rule if isinstance(optimizer, RuleView) else rule_of(optimizer)
        self._compile_options = {
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
        self.put_task(Supervised(self, rule, outputs, mixing))

    # -- training -----------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | bool | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping[Any, Any] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        seed: int | None = None,
        resume: str | Path | None = None,
        on_interrupt: str = "return",
    ) -> History:
        """Train for `epochs` passes over the rows.

        Args:
            x: array (n, ...), DataFrame, a list or dict of them; a `Stream`; or an iterable of
                batches (x, y) or (x, y, sample_weight): a generator, a PyDataset, a DataLoader
                (see descend.train.model.batches), each of which makes one update.
            y: targets, of the outputs' shape; integer labels (n,) for the sparse cross-entropy.
            batch_size: rows an update; 32 by default (all, for full-batch rules).
            epochs: number of the last epoch; with `initial_epoch` e, epochs - e are run.
            verbose: verbosity: 0 silent, 1 or "auto" progress bar, 2 one line an epoch.
            callbacks: callbacks (`descend.train.callbacks`), in order.
            validation_split: share of the last rows kept for validation (Keras's rule); warns where
                they are unlike the rest.
            validation_data: tuple (x, y) or (x, y, sample_weight).
            shuffle: order of the rows: True (without replacement), False, or "with_replacement"
                (hull-2023, Alg. 1).
            class_weight: dict {class: weight}; for several outputs {output: {class: weight}}.
            sample_weight: weights (n,); they are scaled to mean one.
            steps_per_epoch: batches an epoch: of arrays the first of the epoch's order, of an
                iterable the next ones.
            validation_steps: batches of the validation data that are used; needed for a generator.
            validation_batch_size: rows at a time in validation; the numbers do not depend on it.
            validation_freq: epochs from one validation to the next, or the numbers (from 1) of
                the epochs that have one.
            seed: seed of weights (if there are none yet), of the rows' order, and of noise; the
                model's seed by default. Rows are ordered by (seed, epoch): a second fit repeats the
                order unless it gets another seed or goes on with `initial_epoch`.
            resume: ModelCheckpoint file to go on from.
            on_interrupt: effect of Ctrl-C: "return" with the weights reached and an
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
        x = self.meet(x)
        task = self.task
        if self._run is not None:
            raise DescendError(f"{self.name} is in training; fit it again when that has ended")
        anew = seed is not None
        seed = rows.require_seed(self.seed if seed is None else seed)
        rows.require_epochs(epochs, initial_epoch)
        callbacks = listed_callbacks(callbacks)
        self.stop_training = False
        due, verbose = runs_in(validation_freq), shown_as(verbose)
        check = fitting.Validation(
            validation_data, validation_split, validation_steps, validation_batch_size
        )
        if is_batches(x):
            x = Batches(x, steps_per_epoch)
            x.require_again(epochs - initial_epoch)
        elif isinstance(x, Stream) and steps_per_epoch is not None:
            raise DataError("a Stream's epoch is all its chunks; leave steps_per_epoch out")
        weights = (sample_weight, class_weight)
        if isinstance(x, Stream):
            feeds = fitting.of_stream(self, x, y, *weights, batch_size, shuffle, seed, check)
        else:
            feeds = fitting.of_arrays(
                self, x, y, *weights, batch_size, steps_per_epoch, shuffle, seed, check
            )
        identity = feeds.identity
        goes_on = any(getattr(c, "comes_last", False) for c in callbacks)  # checkpoints
        if isinstance(feeds.feed, Arrays) and (resume is not None or goes_on):
            identity = identity | {"data": rows.fingerprint(feeds.feed.data)}
        state = self.start_state(task, seed)
        if anew and self._drawn:
            state = state._replace(key=jax.random.split(jax.random.key(seed))[1])
        progress = [Progress(verbose)] if verbose else []
        try:
            run = engine.train(
                task,
                feeds.feed,
                epochs,
                state=state,
                callbacks=[_AttachRun(self), *callbacks, *progress],
                validation=feeds.validation,
                initial_epoch=initial_epoch,
                model=self,
                identity=identity,
                resume=resume,
                on_interrupt=on_interrupt,
                verbose=verbose,
                due=due,
            )
        except BaseException:  # it diverged, or a callback failed: keep what was reached
            if self._run is not None:
                self._take(self._run)
            raise
        self._take(run)
        return run.history

    def _take(self, run: Run) -> None:
        run.snapshot = Snapshot.of(placement.gathered(run.state))
        self._leave()
        if len(run.history):
            self.history = run.history

    def whole_feed(self, data: Rows, size: int, where: str) -> Arrays:
        """Make a feed of all rows to evaluate; in the stateful layers' batches where there are."""
        if not self.carries:
            return rows.whole(data, size)
        prediction.require_whole_batches(self, len(data.x[0]), where)
        return Arrays(data, prediction.batch_of(self), shuffle=False)

    # -- use ----------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | bool | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the cost, and metrics, on given rows at prediction.

        Args:
            x, y, sample_weight: rows, as in `fit`.
            batch_size: rows at a time.
            verbose: verbosity; 1 or "auto" prints the result.
            steps: batches that are used; needed for a generator.
            callbacks: callbacks whose on_test_begin and on_test_end are called.
            return_dict: whether a dict by name is returned.

        Returns:
            The cost as a float; a list `[cost, *metrics]` where there are metrics; or a dict.
        """
        x = self.meet(x)
        task, callbacks = self.task, listed_callbacks(callbacks)
        feed = fitting.evaluated(self, x, y, sample_weight, batch_size, steps)
        self.current_weights()
        state = self.start_state(task, self.seed)
        introduce(callbacks, self, epochs=1, steps=steps, verbose=shown_as(verbose))
        call_all(callbacks, "on_test_begin", {})
        sums = evaluation(task, feed)(state)
        if not sums:
            raise DataError("evaluation data: there is no batch")
        logs = {name: float(value) for name, value in finished(task, sums).items()}
        call_all(callbacks, "on_test_end", logs)
        if shown_as(verbose):
            print(show_logs(logs))
        if return_dict:
            return logs
        return list(logs.values()) if len(logs) > 1 else logs["loss"]

    def __call__(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Put this network behind symbols, or return its output on arrays (as JAX arrays).

        Args:
            inputs: symbol or array, or a list (or dict) of them.
            training: mode; on symbols False fixes the layers as they are at prediction, in whatever
                network they come to stand; on arrays True turns dropout and batch statistics on,
                with a new draw at every call (running averages stay as they are).
            mask: None; masks follow by themselves.
        """
        parts = list(inputs.values()) if isinstance(inputs, Mapping) else listed(inputs)
        if mask is not None:
            raise DescendError(f"{self.name} is called with mask=...: masks follow by themselves")
        if parts and isinstance(parts[0], Symbol):
            if not vars(self).get("_wired"):
                self._wire_for(symbols_like(inputs))
            fixed = require_training(training, self.label)
            return super().__call__(parts if len(parts) > 1 else parts[0], fixed)
        self.meet(inputs)
        # also in a program that is being traced
        x = tuple(map(jnp.asarray, [inputs] if self.single_input else parts))
        params, layers = self.current_weights()
        if training and not isinstance(training, Undecided):
            self._drawn_noise += 1
            key = jax.random.fold_in(jax.random.key(self.seed), self._drawn_noise)
            whole = x[0] if self.single_input else x
            y, _ = self.apply(params, layers, whole, key=key, training=True)
            return y
        outputs, _ = prediction.forward(self, params, layers, x)
        return arranged(outputs, self.form)

    def features(self, layer: str | None = None) -> Model:
        """Return what the network has learned: a Model of its own, up to a layer's output.

            base = model.features("hidden2")
            base.predict(x)                                     the features of rows x
            base.freeze()
            new = Sequential([base, Dense(5, "softmax")])       over the same layers

        The layers are this network's own: they keep their names, and what either model is trained
        to, or frozen to, holds for both. `clone_model` copies.

        Args:
            layer: layer whose output is taken; "name@2" at its second use, where a layer is shared.
                None: what the output layer is given, the lecture's learned feature a^[r-1] =
                phi_beta(x).

        Returns:
            The model, not compiled; with those of the inputs that the layer depends on.

        Raises:
            DescendError: no layer of that name (the nearest is suggested); None where the output
                layer has several inputs, or that is an input of the network.

        Source: hull-2023, "Deep Learning Representations".
        """
        name, inputs, outputs = self.feature_symbols(layer)
        return Model(inputs, outputs, f"{self.name}_{name}", self.seed)

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
            positions, expand_nested, show_trainable, layer_range: options of Keras's; all is shown.
        """
        from descend.train.model.summary import summary

        text = summary(self, line_length)
        if print_fn is None:
            print(text)
        else:
            for line in text.split("\n"):
                print_fn(line)

    # -- on disk ------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Describe in JSON: graph; optimiser, loss and metrics as far as they have names."""
        task_description = None if self._task is None else self._task.describe()
        return {"graph": self.config(), "seed": self.seed, "compile": task_description}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Model:
        """Build the model that `get_config` describes, its weights undrawn.

        Args:
            config: result of `get_config`.
            custom_objects: classes {name: class} for layers of the user's own.
        """
        symbols = symbols_from_config(config, custom_objects)
        return Model(*symbols, name=config["name"], seed=config.get("seed", 0))

    def save(self, path: str | Path, extra: Mapping[str, Any] | None = None) -> None:
        """Write description and weights to one file (`load_model` reads it).

        Args:
            path: file, conventionally `*.descend`; written to a temporary name and renamed.
            extra: JSON that travels along, such as the table recipe's encoder.

        Raises:
            DescendError: the file cannot be written.
        """
        arrays = checkpoint.flatten(self.params, "params")
        arrays |= checkpoint.flatten(self.layer_state, "layers")
        description: dict[str, Any] = {"model": self.describe(), "extra": dict(extra or {})}
        history = self._run.history if self._run is not None else self.history
        if history is not None:
            description |= {"history": history.history, "epochs": history.epoch}
            description["logged"] = history.logged
        checkpoint.write(path, "model", description, arrays)


class _AttachRun(Callback):
    """Lets `model.params` be the weights of the run while it trains."""

    def __init__(self, model: Model):
        self._model = model

    def set_run(self, run: Run) -> None:
        """Point the model at the run."""
        self.run = run
        self._model.enter_run(run)
