"""What a Model says of rows: predictions, and their spread over its noise."""

from __future__ import annotations

from typing import Any

from descend.nn.symbols import arranged
from descend.train.callbacks.base import call_all, introduce, shown_as
from descend.train.callbacks.base import listed as listed_callbacks
from descend.train.model import fitting, prediction, rows


class Predicting:
    """The part of `Model` that predicts."""

    def predict(
        self: Any,
        x: Any,
        batch_size: int | None = None,
        verbose: int | bool | str = 0,
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs on rows x: an array (n, ...), or a list of them for several outputs.

        Args:
            x: rows, as in `fit`; of batches (x, ...) the first part is taken.
            batch_size: rows at a time; the numbers do not depend on it.
            verbose: verbosity as in Keras; without effect.
            steps: batches that are used; needed for a generator.
            callbacks: callbacks whose on_predict_begin and on_predict_end are called.
        """
        x = self.meet(x)
        callbacks = listed_callbacks(callbacks)
        introduce(callbacks, self, epochs=1, steps=steps, verbose=shown_as(verbose))
        call_all(callbacks, "on_predict_begin", {})
        outputs = fitting.predicted(self, x, batch_size, steps)
        call_all(callbacks, "on_predict_end", {})
        return arranged(outputs, self.form)

    def monte_carlo(self: Any, x: Any, samples: int = 100, seed: int = 0) -> prediction.MonteCarlo:
        """Average over dropout: the mean of p(y | x, mu) over drawn masks mu, and its spread.

            mean = 1/k sum_i h(x; mu_i)

        Random layers stay active, batch statistics and augmentation do not.

        Args:
            x: rows, as in `predict`.
            samples: number k of masks drawn for each row.
            seed: seed of the masks.

        Returns:
            (mean, spread): arrays (n, ...), or lists of them for several outputs; the spread is the
            standard deviation over the draws, in units of the output.

        Raises:
            DescendError: the network has no random layer.

        Source: scheidegger-2020, "Regularization in NN: Dropout".
        """
        arrays = rows.make_inputs(self, x, "prediction data")
        means, spreads = prediction.monte_carlo(self, arrays, samples, rows.require_seed(seed))
        return prediction.MonteCarlo(arranged(means, self.form), arranged(spreads, self.form))

    def reset_states(self: Any) -> None:
        """Let stateful recurrent layers forget what they carried over from earlier batches."""
        params, layers = self.current_weights()
        self.take_weights(params, self.forget(layers))
