"""Games of the Arcade Learning Environment, seen and paid as in Mnih et al. 2015.

An agent acts at every fourth picture of the console. What it sees are the last four pictures that
it acted on, each the larger of two in a row (the console draws some things in every other), grey
and made smaller. Rewards are cut to -1, 0 and 1, and a lost life ends an episode, in training; when
an agent is judged it plays whole games for the game's own points.

ale-py brings the games along; its licence is the GPL, so that descend does not install it.

Source: Mnih et al. 2015, Human-level control through deep reinforcement learning, Methods;
Machado et al. 2018, Revisiting the Arcade Learning Environment (actions that stick).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from descend.agents.adapters.packages import package
from descend.agents.environment import Choice
from descend.agents.host import HostEnvironment
from descend.errors import unknown
from descend.nn.layers import Conv2D, Rescaling
from descend.statement import parameter

SIDE = 84  # pixels of a picture's side
NEED = "a game of Atari"


@dataclass(frozen=True)
class Atari(HostEnvironment):
    """A game of Atari 2600 on the host; `from_atari` makes it.

    Args:
        game: name of the game, as ale-py has it: "breakout".
        limit: steps after which a game is cut short.
        skip: pictures of the console for one step.
        stack: pictures that an agent sees.
        sticky: probability that the console repeats the last action in a picture's time.
        no_ops: largest number of steps without an action at the beginning of a game.
        cut: whether rewards are cut to -1, 0 and 1 in training.
        lives: whether a lost life ends an episode in training.
        astray: share of random actions when an agent is judged.

    Raises:
        DescendError: an unknown game, a value out of range; ale-py is not installed.

    Source: Mnih et al. 2015; Machado et al. 2018 (`sticky`: their .25).

    Example:
        >>> from descend.agents.adapters.atari import Atari
        >>> Atari(sticky=0.25, lives=False).observation
        ((84, 84, 4), 'uint8')
    """

    game: str = field(default="breakout", metadata={"kept": True})
    limit: int = parameter(4500, least=1, doc="steps after which a game is cut short")
    skip: int = parameter(4, least=1, doc="pictures of the console for one step")
    stack: int = parameter(4, least=1, doc="pictures that an agent sees")
    sticky: float = parameter(0.0, least=0, below=1, doc="probability that an action sticks")
    no_ops: int = parameter(30, least=0, doc="steps without an action at the beginning, at most")
    cut: bool = field(default=True, metadata={"kept": True})
    lives: bool = field(default=True, metadata={"kept": True})
    astray: float = parameter(0.05, least=0, most=1, doc="random share when it is judged")

    @property
    def label(self) -> str:
        """The game's name."""
        return self.game

    @property
    def observation(self) -> tuple[tuple[int, ...], str]:
        """The last pictures, oldest first."""
        return (SIDE, SIDE, self.stack), "uint8"

    @property
    def frames(self) -> int:
        """The pictures of an observation."""
        return self.stack

    @functools.cached_property
    def actions(self) -> Choice:
        """What the game's joystick can do."""
        names = [str(action).rpartition(".")[2].lower() for action in _console(self.game)[1]]
        return Choice(len(names), tuple(names))

    def open(self, judged: bool = False, pictures: bool = False) -> Console:
        """Return a console of its own."""
        return Console(self, judged)


class Console:
    """A console with one game, as `HostEnvironment.open` wants it."""

    def __init__(self, of: Atari, judged: bool):
        self._of, self._judged = of, judged
        self._ale, self._actions = _console(of.game)
        self._draw = np.random.default_rng()
        self._seen = np.zeros((SIDE, SIDE, of.stack), np.uint8)
        self._last = self._actions[0]
        self._over = True

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a game, or go on with it where only a life was lost."""
        if seed is not None:
            self._draw = np.random.default_rng(seed)
        if self._over or seed is not None or self._ale.game_over():
            self._ale.reset_game()
            self._last = self._actions[0]
            for _ in range(self._draw.integers(self._of.no_ops + 1)):
                self._console(self._actions[0])
                if self._ale.game_over():
                    self._ale.reset_game()
        else:
            self._console(self._actions[0])
        self._over = False
        self._seen[:] = smaller(self._grey())[..., None]
        return self._seen.copy(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step of the agent; Gymnasium's five values."""
        of, lives = self._of, self._ale.lives()
        if self._judged and self._draw.random() < of.astray:
            action = int(self._draw.integers(len(self._actions)))
        points, picture = self._console(self._actions[action])
        self._seen = np.concatenate([self._seen[..., 1:], smaller(picture)[..., None]], -1)
        self._over = over = self._ale.game_over()
        if not self._judged:
            points = float(np.sign(points)) if of.cut else points
            over |= of.lives and self._ale.lives() < lives
        return self._seen.copy(), points, over, False, {}

    def close(self) -> None:
        """Nothing is open."""

    def _console(self, action: Any) -> tuple[float, np.ndarray]:
        """The points of `skip` pictures, and the larger of the last two pictures."""
        points, last = 0.0, []
        for number in range(self._of.skip):
            if self._of.sticky == 0 or self._draw.random() >= self._of.sticky:
                self._last = action
            points += self._ale.act(self._last)
            over = self._ale.game_over()
            if over or number >= self._of.skip - 2:
                last.append(self._grey())
            if over:
                break
        return points, functools.reduce(np.maximum, last)

    def _grey(self) -> np.ndarray:
        return self._ale.getScreenGrayscale()


def smaller(grey: np.ndarray) -> np.ndarray:
    """A picture of 84 x 84 pixels, each the mean of the area that it covers."""
    picture: Any = grey.astype(np.float32)
    for size in grey.shape:
        rows, shares = _areas(size)
        # a few rows each: as a product of matrices it would take threads from the learning
        picture = sum(s[:, None] * picture[r] for r, s in zip(rows, shares, strict=True)).T
    return np.rint(picture).astype(np.uint8)


@functools.cache
def _areas(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of `size` pixels each of 84 covers, and their shares in it, (pixels covered, 84)."""
    edges = np.linspace(0, size, SIDE + 1)
    first = np.floor(edges[:-1]).astype(int)
    rows = first + np.arange(int(np.ceil(size / SIDE)) + 1)[:, None]
    shared = np.minimum(edges[1:], rows + 1) - np.maximum(edges[:-1], rows)
    shares = np.clip(shared, 0, None) / np.diff(edges)
    return np.minimum(rows, size - 1), shares.astype(np.float32)


def _console(game: str) -> tuple[Any, list[Any]]:
    """A console with a game in it, and what the game's joystick can do."""
    ale_py = package("ale_py", NEED, "ale-py")
    games = ale_py.roms.get_all_rom_ids()
    if game not in games:
        raise unknown("game of Atari", game, games)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setFloat("repeat_action_probability", 0.0)  # `sticky` follows from descend's own seed
    ale.setInt("random_seed", 0)
    ale.loadROM(ale_py.roms.get_rom_path(game))
    return ale, list(ale.getMinimalActionSet())


def from_atari(game: str = "breakout", **parameters: Any) -> Atari:
    """A game of Atari for descend's algorithms; it stays on the host.

    Args:
        game: name of the game, as ale-py has it: "breakout", "space_invaders".
        parameters: values by the names of `Atari`'s parameters: `limit` (steps after which a game
            is cut short, 4,500), `skip` (pictures for one step), `stack` (pictures seen), `sticky`
            (probability that an action sticks), `no_ops` (steps without an action at the
            beginning, at most), `cut` (rewards to -1, 0, 1) and `lives` (a lost one ends an
            episode) in training, `astray` (share of random actions when an agent is judged).

    Returns:
        The environment.

    Raises:
        DescendError: an unknown game or parameter, a value out of range; ale-py is not installed.

    Source: Mnih et al. 2015, Human-level control through deep reinforcement learning; Machado et
    al. 2018 (`sticky`: their .25).

    Example:
        >>> from descend.agents import DQN
        >>> from descend.agents.adapters import from_atari, nature_network
        >>> dqn = DQN(hidden=nature_network(), lookahead=1)  # .learn(from_atari("breakout"), steps)
        >>> dqn.lookahead  # so that the replay keeps each picture once
        1
    """
    made = Atari(game=game).with_parameters(parameters)
    _ = made.actions  # what is wrong with it is said here
    return made


def nature_network() -> tuple[Any, ...]:
    """The hidden layers of Mnih et al. 2015, for `hidden=` of an algorithm.

    Returns:
        Pixels to [0, 1]; 32 filters 8 x 8 at every fourth place, 64 of 4 x 4 at every second, 64 of
        3 x 3; 512 units.

    Raises:
        Nothing of its own.

    Source: Mnih et al. 2015, Methods, "Model architecture".

    Example:
        >>> from descend.agents import DQN
        >>> from descend.agents.adapters import nature_network
        >>> DQN(hidden=nature_network(), lookahead=1).hidden[-1]
        512
    """
    return (
        Rescaling(1 / 255),
        Conv2D(32, 8, strides=4, activation="relu", kernel_initializer="he_uniform"),
        Conv2D(64, 4, strides=2, activation="relu", kernel_initializer="he_uniform"),
        Conv2D(64, 3, activation="relu", kernel_initializer="he_uniform"),
        512,
    )
