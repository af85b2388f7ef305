"""The recipe: from a table to a network that was tested once.

    from descend.data.sources import load
    from descend.tables import FitOptions, fit_table

    fitted = fit_table(load("loans.csv"), FitOptions(target="default", time="granted"))
    fitted.scores.figures                            # on rows that nobody had looked at
    fitted.predictor.predict(frame, intervals=True)
    fitted.save("loans.descend")

TabularClassifier and TabularRegressor are the same network with scikit-learn's face. Names are
loaded when first used, so that a file is read and its faults are told without JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "FitOptions": "options",
    "FittedTable": "recipe",
    "NetworkOptions": "options",
    "TablePredictor": "predictor",
    "TabularClassifier": "estimators",
    "TabularRegressor": "estimators",
    "fit_table": "recipe",
    "open_test": "recipe",
    "prepare_table": "prepare",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.tables.estimators import TabularClassifier as TabularClassifier
    from descend.tables.estimators import TabularRegressor as TabularRegressor
    from descend.tables.options import FitOptions as FitOptions
    from descend.tables.options import NetworkOptions as NetworkOptions
    from descend.tables.predictor import TablePredictor as TablePredictor
    from descend.tables.prepare import prepare_table as prepare_table
    from descend.tables.recipe import FittedTable as FittedTable
    from descend.tables.recipe import fit_table as fit_table
    from descend.tables.recipe import open_test as open_test

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
