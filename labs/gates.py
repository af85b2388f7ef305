"""Gates and XOR: what one threshold neuron computes, what it cannot, and the proof.

Lectures: scheidegger-2020-deep-learning-cscs-usi, slides "MODEL OF A NEURON (1943)", "BUILDING AN
MLP FROM SCRATCH" (The Perceptron Algorithm), "EXAMPLE: PERCEPTRON LEARNING: THE "OR" DATA-SET",
"LIMITATIONS OF PERCEPTRONS" and "EXPRESSIVENESS OF ANN"; raviv-2022-introducing-deep-learning, the
truth tables after "What are nonlinear problems?".

Shows Rosenblatt's perceptron learning AND and OR within the bound that no run can pass; a proof, in
exact arithmetic, that no line answers XOR; that one neuron computes 104 of the 256 functions of
three inputs; and that one hidden layer of threshold neurons, written down, computes all 256. How a
network *learns* XOR by gradients is in the lab "xor".
"""

# %%
from itertools import product
from pathlib import Path

import numpy as np

from descend.lab import Check, run, save
from descend.neurons.classic import (
    GATES,
    Perceptron,
    boolean_network,
    boundary_steps,
    draw_certificate,
    separability,
    truth_rows,
)

# %% [markdown]
# ## Neurons by hand
# McCulloch and Pitts: the neuron fires if the sum of its inputs is greater than its threshold. With
# both weights 1, a threshold of 1 makes AND and a threshold of 0 makes OR.

# %%
TABLE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # the order of the slide "THE "OR" DATA-SET"
TARGETS = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1]}
XOR = [0, 1, 1, 0]

# %% [markdown]
# ## Neurons that learn
# The perceptron goes through the rows and corrects its weights at every wrong answer. If the two
# classes can be told apart with room g by a line through rows no longer than R, then it makes at
# most (R/g)^2 corrections from weights of zero, and somewhat more from others: each correction
# brings the weights nearer to the widest line faster than it makes them longer.


# %%
def learn(seeds: range) -> dict[str, tuple[int, int, float]]:
    """Of each gate: seeds that came out right, the most corrections, the least bound."""
    found = {}
    for gate, targets in TARGETS.items():
        units = [Perceptron(random_state=seed).fit(TABLE, targets) for seed in seeds]
        within = sum(u.converged_ and u.mistakes_[0] <= u.bound_[0] for u in units)
        found[gate] = within, max(u.mistakes_[0] for u in units), min(u.bound_[0] for u in units)
    return found


# %% [markdown]
# ## XOR is refused
# A line that answered XOR would have (0, 1) and (1, 0) on its one side, and so also the point half
# way between them; and (0, 0) and (1, 1) on the other, and so also the point half way between them.
# It is the same point. A linear programme finds such multipliers for any rows that no plane
# separates, and fractions check them.

# %% [markdown]
# ## A hidden layer
# A hidden neuron can be made to fire at one row of the truth table alone. The output neuron then
# only asks whether any of them fires. Nothing is learned; the table is written into the weights.


# %%
def count_functions(inputs: int) -> tuple[int, int, int]:
    """Of all Boolean functions: by one neuron, proved impossible for one, by a hidden layer."""
    rows = truth_rows(inputs)
    single = refused = network = 0
    for answers in product((0, 1), repeat=2**inputs):
        found = separability(rows, answers)
        single += found.separable is True
        refused += found.certificate is not None and found.certificate.exact
        network += boolean_network(answers).predict(rows).tolist() == list(answers)
    return single, refused, network


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    seeds = range(20 if quick else 200)
    learned = learn(seeds)
    by_hand = {gate: GATES[gate].predict(TABLE).tolist() for gate in TARGETS}
    unit = Perceptron(start="zeros").fit(TABLE, TARGETS["OR"])
    save(boundary_steps(unit, TABLE, TARGETS["OR"], [1, 2, 3, 4]), out, "perceptron_or.png")
    proof = separability(TABLE, XOR).certificate
    print(proof.text())
    save(draw_certificate(proof, TABLE, XOR), out, "xor_certificate.png")
    two, three = count_functions(2), count_functions(3)
    return [
        *(
            Check(
                f"one neuron, weights by hand: {gate}",
                str(targets),
                str(by_hand[gate]),
                by_hand[gate] == targets,
            )
            for gate, targets in TARGETS.items()
        ),
        *(
            Check(
                f"perceptron learns {gate} within its bound",
                "'until all the outputs are correct'",
                f"{within} of {len(seeds)} starts, {most} corrections at most, bound {bound:.0f}",
                within == len(seeds) and most <= bound,
            )
            for gate, (within, most, bound) in learned.items()
        ),
        Check(
            "the OR data from zeros: corrections, (R/g)^2",
            "by hand: 4, 3 / (1/9) = 27",
            f"{unit.mistakes_[0]}, {unit.bound_[0]:.6g}",
            unit.mistakes_[0] == 4 and bool(np.isclose(unit.bound_[0], 27)),
        ),
        Check(
            "XOR by one neuron",
            "'a canonical example of non-separable'",
            f"refused, exactly: both sides meet in {proof.point}",
            proof.exact and proof.point == (0.5, 0.5),
        ),
        Check(
            "functions of 2 inputs by one neuron",
            "all but XOR and its opposite: 14 of 16",
            f"{two[0]}, {two[1]} refused with a proof",
            two[:2] == (14, 2),
        ),
        Check(
            "functions of 3 inputs by one neuron",
            "known count: 104 of 256",
            f"{three[0]}, {three[1]} refused with a proof",
            three[:2] == (104, 152),
        ),
        Check(
            "functions of 3 inputs by a hidden layer",
            "'every Boolean function': 256",
            f"{three[2]}",
            three[2] == 256,
        ),
    ]


if __name__ == "__main__":
    run(main)
