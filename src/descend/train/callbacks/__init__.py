"""Callbacks: what happens between epochs. `Callback` says which hooks there are."""

from descend.train.callbacks.base import Callback, LambdaCallback
from descend.train.callbacks.checkpoints import BackupAndRestore, ModelCheckpoint
from descend.train.callbacks.logs import CSVLogger, TensorBoard
from descend.train.callbacks.progress import Progress, show_logs
from descend.train.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from descend.train.callbacks.watching import EarlyStopping, TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Progress",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "show_logs",
]
