"""Which words of a text moved the predictions."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from descend.data.frames import as_text
from descend.report.table.document.insight import WordChanges
from descend.report.table.evidence import Evidence, Explained
from descend.tables.judging.plain import plain
from descend.tables.judging.words import mean_changes, most_moving, word_changes

MOST_ROWS = 300  # test rows whose words are left out in turn
EXAMPLES = 3  # texts on either end
SHOWN = 300  # characters of a text


def words(evidence: Evidence) -> list[WordChanges]:
    """The words of each column of text that moved what is explained most."""
    frame = evidence.inputs("test").iloc[evidence.some()].reset_index(drop=True)
    rng = np.random.default_rng(evidence.options.seed)
    if len(frame) > MOST_ROWS:
        some = np.sort(rng.choice(len(frame), MOST_ROWS, replace=False))
        frame = frame.iloc[some].reset_index(drop=True)
    sections: list[WordChanges] = []
    for column in evidence.prepared.encoder.columns:
        if column.vocabulary is None:
            continue
        texts = as_text(frame[column.name]).fillna("")
        for one in evidence.explained:
            predict = partial(_predicted, evidence, one)
            changes = word_changes(predict, frame, column.name, column.vocabulary.words)
            values = predict(frame)
            order = np.argsort(-values, kind="stable")
            ends = [*order[:EXAMPLES], *order[EXAMPLES:][-EXAMPLES:]]
            sections.append(
                plain(
                    {
                        "of": one.label,
                        "column": column.name,
                        "rows": len(frame),
                        "words": mean_changes(changes).to_dict("records"),
                        "examples": [
                            {
                                "text": texts.iloc[i][:SHOWN],
                                "prediction": float(values[i]),
                                "words": [
                                    {"word": word, "rows": 1, "change": change}
                                    for word, change in most_moving(changes, int(i))
                                ],
                            }
                            for i in ends
                        ],
                    }
                )
            )
    return sections


def _predicted(evidence: Evidence, one: Explained, frame: pd.DataFrame) -> np.ndarray:
    return one.take(evidence.fitted.predictor.values(frame))
