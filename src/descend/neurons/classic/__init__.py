"""The units before backpropagation, and backpropagation before automatic differentiation.

    from descend.neurons.classic import Perceptron, separability

    unit = Perceptron(start="zeros").fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1])
    unit.mistakes_, unit.bound_                  # corrections made, and never exceeded
    separability(X, [0, 1, 1, 0]).certificate.text()    # why no neuron learns XOR

Source: scheidegger-2020, "HEBB'S RULE" to "UNIVERSAL FCT. APPROXIMATOR" and "BUILDING AN MLP FROM
SCRATCH"; raviv-2022, "Historical example: The Perceptron".
"""

from descend.neurons.classic.boolean import boolean_network, truth_rows
from descend.neurons.classic.bumps import (
    BumpNetwork,
    bump,
    bump_network,
    hill,
    localised_bump,
    ridge,
)
from descend.neurons.classic.hebb import HebbAssociator, HebbUnit
from descend.neurons.classic.multilayer import ScratchClassifier, ScratchRegressor
from descend.neurons.classic.perceptron import Perceptron, mistake_bound
from descend.neurons.classic.pictures import (
    boundary_steps,
    draw_certificate,
    draw_figure_4_9,
    surface_steps,
)
from descend.neurons.classic.planes import (
    Certificate,
    InseparableError,
    Separability,
    separability,
)
from descend.neurons.classic.threshold import GATES, McCullochPitts, ThresholdNetwork

__all__ = [
    "GATES",
    "BumpNetwork",
    "Certificate",
    "HebbAssociator",
    "HebbUnit",
    "InseparableError",
    "McCullochPitts",
    "Perceptron",
    "ScratchClassifier",
    "ScratchRegressor",
    "Separability",
    "ThresholdNetwork",
    "boolean_network",
    "boundary_steps",
    "bump",
    "bump_network",
    "draw_certificate",
    "draw_figure_4_9",
    "hill",
    "localised_bump",
    "mistake_bound",
    "ridge",
    "separability",
    "surface_steps",
    "truth_rows",
]
