"""Real tables that come with statsmodels and scikit-learn, ready to be fitted by both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.datasets as datasets
from sklearn import datasets as sklearn_datasets


@dataclass(frozen=True)
class Real:
    """Regressors (no constant), target, cluster labels, and the exposure of counts."""

    x: pd.DataFrame
    y: pd.Series
    groups: np.ndarray
    exposure: np.ndarray | None = None


def frame(name: str) -> pd.DataFrame:
    return getattr(datasets, name).load_pandas().data


def longley() -> Real:
    data = frame("longley")
    x = data[["GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR"]]
    return Real(x, data["TOTEMP"], (data["YEAR"] // 2).to_numpy())


def grunfeld() -> Real:
    data = frame("grunfeld")
    return Real(data[["value", "capital"]], data["invest"], data["firm"].to_numpy())


def macrodata() -> Real:
    data = frame("macrodata")
    x = data[["realgdp", "realinv", "tbilrate", "unemp"]]
    return Real(x, data["realcons"], data["year"].to_numpy())


def engel() -> Real:
    data = frame("engel")
    return Real(data[["income"]], data["foodexp"], np.arange(len(data)) % 12)


def diabetes() -> Real:
    x, y = sklearn_datasets.load_diabetes(return_X_y=True, as_frame=True)
    return Real(x, y, np.digitize(x["age"], np.quantile(x["age"], np.arange(0.05, 1, 0.05))))


def spector() -> Real:
    data = frame("spector")
    return Real(data[["GPA", "TUCE", "PSI"]], data["GRADE"], np.arange(len(data)) % 8)


def fair_any() -> Real:
    data = frame("fair")
    x = data[["rate_marriage", "age", "yrs_married", "children", "religious", "educ"]]
    y = (data["affairs"] > 0).astype(float).rename("any_affair")
    return Real(x, y, data["occupation"].to_numpy())


def anes96_vote() -> Real:
    data = frame("anes96")
    return Real(
        data[["TVnews", "selfLR", "age", "educ", "income"]], data["vote"], data["PID"].to_numpy()
    )


def randhie_any() -> Real:
    data = frame("randhie")
    y = (data["mdvis"] > 0).astype(float).rename("any_visit")
    return Real(data.drop(columns="mdvis"), y, np.arange(len(data)) // 5)


def breast_cancer() -> Real:
    x, y = sklearn_datasets.load_breast_cancer(return_X_y=True, as_frame=True)
    columns = ["mean texture", "mean smoothness", "mean symmetry", "texture error"]
    return Real(x[columns], y, np.arange(len(x)) % 25)


def anes96_party() -> Real:
    data = frame("anes96")
    x = data[["selfLR", "age", "educ", "income"]].assign(logpopul=np.log(data["popul"] + 0.1))
    return Real(x, data["PID"], np.arange(len(x)) % 40)


def modechoice() -> Real:
    data = frame("modechoice")
    chosen = data[data["choice"] == 1]
    return Real(
        chosen[["hinc", "psize"]].reset_index(drop=True),
        chosen["mode"].reset_index(drop=True),
        np.arange(len(chosen)) % 30,
    )


def fair_marriage() -> Real:
    data = frame("fair")
    x = data[["age", "children", "religious", "educ"]]
    return Real(x, data["rate_marriage"], data["occupation"].to_numpy())


def randhie_health() -> Real:
    data = frame("randhie")
    flags = data[["hlthg", "hlthf", "hlthp"]].to_numpy()
    health = np.where(flags.any(axis=1), 1 + flags.argmax(axis=1), 0)
    x = data[["lncoins", "lpi", "physlm", "disea"]]
    return Real(x, pd.Series(health, name="health"), np.arange(len(data)) // 5)


def wine() -> Real:
    x, y = sklearn_datasets.load_wine(return_X_y=True, as_frame=True)
    return Real(x[["malic_acid", "ash", "magnesium"]], y, np.arange(len(x)) % 20)


def randhie() -> Real:
    data = frame("randhie")
    return Real(data.drop(columns="mdvis"), data["mdvis"], np.arange(len(data)) // 5)


def cpunish() -> Real:
    data = frame("cpunish")
    x = data[["INCOME", "PERPOVERTY", "PERBLACK", "VC100k96", "SOUTH", "DEGREE"]]
    return Real(x, data["EXECUTIONS"], np.arange(len(x)) % 6)


def cancer() -> Real:
    data = frame("cancer")
    population = data["population"]
    x = np.log(population).to_frame("log_population")
    return Real(x, data["cancer"], np.arange(len(x)) % 30, population.to_numpy(float))


def star98() -> Real:
    loaded = datasets.star98.load_pandas()
    above = loaded.endog.iloc[:, 0]
    exposure = loaded.endog.sum(axis=1).to_numpy(float)
    x = loaded.exog[["LOWINC", "PERASIAN", "PERBLACK", "PERHISP", "PCTCHRT", "PTRATIO"]]
    return Real(x, above, np.arange(len(x)) % 50, exposure)


def fair_children() -> Real:
    data = frame("fair")
    x = data[["rate_marriage", "age", "yrs_married", "religious", "educ"]]
    return Real(x, data["children"], data["occupation"].to_numpy())


OLS = (longley, grunfeld, macrodata, engel, diabetes)
LOGIT = (spector, fair_any, anes96_vote, randhie_any, breast_cancer)
MNLOGIT = (anes96_party, modechoice, fair_marriage, randhie_health, wine)
POISSON = (randhie, cpunish, cancer, star98, fair_children)
