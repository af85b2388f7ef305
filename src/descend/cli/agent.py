"""`descend agent`: environments listed, agents trained, judged and watched."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.errors import DescendError, unknown

if TYPE_CHECKING:
    from descend.agents.agents import Agents
    from descend.agents.algorithm import Algorithm

SHOWN = 12  # steps of an episode that `watch` prints from its beginning and from its end
FRAMES = 1000  # pictures of a GIF at most


@click.group("agent")
def command() -> None:
    """List environments; train, judge and watch agents in them.

    \b
    descend agent list
    descend agent train cart-pole --seeds 10
    descend agent evaluate cart-pole.descend
    descend agent watch cart-pole.descend
    """


@command.command("list")
@click.argument("name", required=False)
def listing(name: str | None) -> None:
    """Show environments and algorithms, or one environment's parameters.

    NAME is one of the environments.
    """
    from descend.agents import registry
    from descend.agents.presets import preset
    from descend.report.terminal import text_table

    if name is None:
        rows = [("environment", "learned by", "what it is")]
        rows += [(n, preset(n).algorithm, what) for n, (_, what) in registry.ENVIRONMENTS.items()]
        click.echo(text_table(rows, left=3, indent=0))
        algorithms = [("algorithm", "what it is")]
        algorithms += [(n, what) for n, (_, what) in registry.ALGORITHMS.items()]
        click.echo("\n" + text_table(algorithms, left=2, indent=0))
        others = [("package:name", "environments of other packages")]
        others += [(f"{n}:...", what) for n, (_, what) in registry.ADAPTERS.items()]
        click.echo("\n" + text_table(others, left=2, indent=0))
        return
    cls = registry.class_of(name)
    rows = [("parameter", "what it is", "default")]
    rows += [
        (f.name, f.metadata["doc"], f"{f.default:g}")
        for f in dataclasses.fields(cls)
        if "doc" in f.metadata
    ]
    click.echo(text_table(rows, left=2, indent=0))


@command.command("train")
@click.argument("name")
@click.option("--algorithm", metavar="NAME", help="Algorithm.  [default: by the environment]")
@click.option("--steps", type=int, help="Steps of each agent.  [default: by the environment]")
@click.option(
    "--seeds", type=int, help="Agents side by side.  [default: by the environment, mostly 4]"
)
@click.option(
    "--parameter", "-p", multiple=True, metavar="NAME=VALUE", help="An environment's; repeatable."
)
@click.option(
    "--setting", "-s", multiple=True, metavar="NAME=VALUE", help="An algorithm's; repeatable."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to save the agents.  [default: NAME.descend]",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep the run in a file while it goes on.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Go on from a checkpoint of the same run.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Write a page, and the same numbers as FILE.json.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only how good the agents are.")
@click.pass_context
def train(
    ctx: click.Context,
    name: str,
    algorithm: str | None,
    steps: int | None,
    seeds: int | None,
    parameter: tuple[str, ...],
    setting: tuple[str, ...],
    output: Path | None,
    checkpoint: Path | None,
    resume: Path | None,
    report: Path | None,
    quiet: bool,
) -> None:
    """Train agents in an environment, judge them on episodes that none has seen, save them.

    NAME is one of `descend agent list`.

    \b
    descend agent train cart-pole --seeds 10
    descend agent train pendulum --algorithm sac -s gamma=0.98
    """
    from descend.agents.presets import preset
    from descend.cli.solve import pairs
    from descend.files import writable
    from descend.report.page import report_files

    environment = _environment(name, pairs("-p", parameter))  # JAX starts here
    chosen = preset(name.lower().replace("_", "-"), algorithm)
    made = _made(chosen.algorithm, chosen.options(), pairs("-s", setting))
    output = writable(output or Path(f"{re.sub('[:/]', '-', name)}.descend"), regular=True)
    if checkpoint is not None:
        checkpoint = writable(checkpoint)
        if checkpoint == output:
            raise DescendError(f"--checkpoint and the agents are both to be {output}")
    if report is not None:  # now, not after the training
        report_files(report)
    if chosen.minutes and steps is None and not quiet:
        click.echo(f"takes about {chosen.minutes} minutes on two cores", err=True)
    agents = made.learn(
        environment,
        chosen.steps if steps is None else steps,
        seeds=chosen.seeds if seeds is None else seeds,
        checkpoint=checkpoint,
        resume=resume,
        verbose=0 if quiet else 1,
    )
    agents.save(output)
    _judged(agents, episodes=100, table=not quiet)
    click.echo(f"{len(agents)} agents by {made.label} in {agents.seconds:.0f} s: {output}")
    if report is not None:
        from descend.cli.again import command_line
        from descend.report.agents.write import agents_report

        for written in agents_report(agents, report, command=command_line(ctx)):
            click.echo(f"wrote {written}")


@command.command("evaluate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--episodes", type=int, default=100, show_default=True, help="Episodes of each.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the episodes.")
@click.option(
    "--against",
    multiple=True,
    metavar="NAME",
    help="Opponent in a game, random, one-ply, depth-4 or perfect; repeatable.",
)
@click.option("--simulations", type=int, help="Positions a search in a game.  [default: trained]")
def evaluate(
    file: Path, episodes: int, seed: int, against: tuple[str, ...], simulations: int | None
) -> None:
    """Judge saved agents on episodes that none has seen, last and best weights.

    FILE was written by `descend agent train`. In a game of two, an episode is a game against an
    opponent, half of them as first player.
    """
    from descend.agents.loading import load_agents

    agents = load_agents(file)
    options = _of_games(agents, against=list(against) or None, simulations=simulations)
    _judged(agents, episodes, table=True, seed=seed, **options)


@command.command("watch")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--agent", type=int, default=0, show_default=True, help="Number of the agent.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the episode.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE.gif",
    help="Draw the episode, where the environment has a picture.",
)
@click.option(
    "--against",
    metavar="NAME",
    help="Opponent in a game: random, one-ply, depth-4, perfect.  [default: itself]",
)
@click.option("--second", is_flag=True, help="Let the opponent begin.")
@click.option("--simulations", type=int, help="Positions a search in a game.  [default: trained]")
def watch(
    file: Path,
    agent: int,
    seed: int,
    output: Path | None,
    against: str | None,
    second: bool,
    simulations: int | None,
) -> None:
    """Play one episode: what was seen, done, gained, and what each action seemed to be worth.

    FILE was written by `descend agent train`. A game of two is shown board by board, with the
    shares of the search's positions that went through the moves.
    """
    from descend.agents.loading import load_agents
    from descend.files import writable, write_atomically

    agents = load_agents(file)
    if not 0 <= agent < len(agents):
        raise DescendError(f"{file} holds the agents 0 to {len(agents) - 1}, not {agent}")
    if output is not None:
        output = writable(output, (str(file),))
    options = _of_games(agents, against=against, first=not second, simulations=simulations)
    episode = agents[agent].episode(seed, **options)
    if agents.algorithm.plays_games:
        from descend.report.agents.games import in_words

        click.echo("\n\n".join(in_words(episode)))
    else:
        for part in _parts(episode.to_frame()):
            click.echo(part.to_string(float_format=lambda v: f"{v:.4g}"))
        end = "it ended by itself" if episode.terminated else "it was cut short"
        click.echo(f"return {episode.total:.4g} in {len(episode)} steps; {end}")
    if output is not None:
        write_atomically(output, gif(episode))
        click.echo(f"picture: {output}")


def gif(episode: Any) -> bytes:
    """An episode as an animation; raises DescendError where the environment has no picture."""
    from PIL import Image

    from descend.agents.game import Game

    count = min(len(episode) + 1, FRAMES)
    pictures = [episode.environment.picture(episode.state(step)) for step in range(count)]
    if pictures[0] is None:
        raise DescendError(f"{episode.environment.label} has no picture(state) to be watched")
    first, *others = [Image.fromarray(p).quantize(32) for p in pictures]
    buffer = io.BytesIO()
    pause = 800 if isinstance(episode.environment, Game) else 40  # ms
    first.save(
        buffer, "GIF", save_all=True, append_images=others, duration=pause, loop=0, optimize=False
    )
    return buffer.getvalue()


def _environment(name: str, given: dict[str, str]) -> Any:
    """The environment of a name with parameters given as text; raises DescendError."""
    from descend.agents import registry
    from descend.cli.solve import stated

    if not registry.is_adapted(name):
        return stated(registry.class_of(name), given)
    values: dict[str, Any] = {}
    for parameter, text in given.items():
        try:
            values[parameter] = json.loads(text)
        except json.JSONDecodeError:  # a word
            values[parameter] = text
    return registry.make(name, **values)


def _parts(frame: Any) -> list[Any]:
    """An episode's table, or where it is long its beginning and its end."""
    if len(frame) <= 2 * SHOWN:
        return [frame]
    return [frame.head(SHOWN), frame.tail(SHOWN)]


def _of_games(agents: Agents, **options: Any) -> dict[str, Any]:
    """The options that only games have; raises DescendError where they are given elsewhere."""
    if agents.algorithm.plays_games:
        return options
    given = [k for k, v in options.items() if v is not None and (k, v) != ("first", True)]
    if given:
        word = "second" if given[0] == "first" else given[0]
        raise DescendError(
            f"--{word} is for games of two players, and {agents.environment.label} is none"
        )
    return {}


def _judged(agents: Agents, episodes: int, table: bool, seed: int = 0, **options: Any) -> None:
    for which in ("last", "best"):
        judged = agents.evaluate(episodes, which, seed, **options)
        if table and which == "last":
            click.echo(judged.to_frame().to_string(index=False, float_format=lambda v: f"{v:.4g}"))
        click.echo(f"{which} weights: {judged}")


def _made(name: str, settings: dict[str, Any], given: dict[str, str]) -> Algorithm:
    """The algorithm of a name with settings given as text; raises DescendError."""
    from descend.agents.registry import algorithm

    made: Any = algorithm(name)(**settings)
    fields = {f.name: getattr(made, f.name) for f in dataclasses.fields(made)} | made.numbers()
    numbers = {r: rule.numbers() for r, rule in made.rules().items()}
    values: dict[str, Any] = {}
    for setting, text in given.items():
        rule, _, number = setting.rpartition(".")
        if setting not in fields and number in numbers.get(rule, {}):
            field = rule or "optimizer"
            old = values.get(field, made.rules()[rule])
            values[field] = old.with_numbers({number: _number(setting, text, float)})
        elif setting not in fields:
            rates = [f"{r}.{n}" if r else n for r, of in numbers.items() for n in of]
            raise unknown(f"setting of {made.label}", setting, [*fields, *rates])
        else:
            values[setting] = _value(setting, text, fields[setting])
    return made.with_parameters(values)


def _value(name: str, text: str, like: Any) -> Any:
    if isinstance(like, bool):
        if text.lower() not in ("true", "false"):
            raise DescendError(f"setting {name} is true or false, got {text!r}")
        return text.lower() == "true"
    if isinstance(like, (int, float)):
        return _number(name, text, type(like))
    if isinstance(like, tuple):
        return tuple(_number(name, part, int) for part in text.split(","))
    if isinstance(like, str):
        return text
    raise DescendError(f"setting {name} cannot be given in text; set its numbers: learning_rate=")


def _number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        words = "a whole number" if kind is int else "a number"
        raise DescendError(f"setting {name} must be {words}, got {text!r}") from None
