"""Feeds: what a pass over the data is made of.

    Arrays   rows already on the device (the default)
    Stream   chunks larger than memory, each trained on while the next one loads
    Steps    a number of steps on data that the task makes itself

A Feed of one's own: docs/write-your-own-feed.md.
"""

from descend.train.engine.feeds.arrays import Arrays, gather
from descend.train.engine.feeds.base import PADDING, Chunk, Feed
from descend.train.engine.feeds.steps import Steps
from descend.train.engine.feeds.stream import Stream

__all__ = ["PADDING", "Arrays", "Chunk", "Feed", "Steps", "Stream", "gather"]
