"""The modules of the lectures: what a network is. Nothing here knows that training exists."""

# First of all: the layers enter what `+` does with symbols, and what makes a layer of a class with
# `call`. So both work, whichever module of this package is imported first.
from descend.nn import layers as layers
