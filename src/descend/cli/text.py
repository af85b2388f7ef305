"""`descend text`: language models trained, judged beside counting, and set to write."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.errors import DescendError

if TYPE_CHECKING:
    from descend.text.language import LanguageModel


@click.group("text")
def command() -> None:
    """Train language models on a text; score texts, and write.

    \b
    descend text train tinyshakespeare --minutes 10
    descend text score tinyshakespeare.descend other.txt
    descend text generate tinyshakespeare.descend --prompt "ROMEO:"
    """


@command.command("train")
@click.argument("file")
@click.option(
    "--tokens",
    type=click.Choice(["characters", "words", "pairs"]),
    default="characters",
    show_default=True,
    help="What a token is; pairs are of bytes, learned from the text.",
)
@click.option(
    "--network",
    type=click.Choice(["lstm", "gru", "rnn", "transformer"]),
    default="lstm",
    show_default=True,
    help="Network.",
)
@click.option("--context", type=int, default=64, show_default=True, help="Tokens read in a step.")
@click.option("--units", type=int, help="Numbers in a layer.  [default: by the network]")
@click.option("--layers", type=int, help="Layers or blocks.  [default: by the network]")
@click.option("--dropout", type=float, help="Share dropped in training.  [default: by the network]")
@click.option("--vocabulary", type=int, help="Tokens at most.  [default: by what a token is]")
@click.option("--passes", type=float, help="Passes over the text.  [default: 10]")
@click.option("--minutes", type=float, help="Time of the training, in the place of passes.")
@click.option("--batch", type=int, default=32, show_default=True, help="Rows read side by side.")
@click.option("--rate", type=float, default=0.002, show_default=True, help="Learning rate.")
@click.option(
    "--validation",
    type=float,
    default=0.1,
    show_default=True,
    help="Share of the text, its last part, that is judged and not learned from.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="How FILE is written.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all draws.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to save the model.  [default: NAME.descend]",
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
@click.option("--quiet", "-q", is_flag=True, help="Print only how good the model is.")
def train(
    file: str,
    tokens: str,
    network: str,
    context: int,
    units: int | None,
    layers: int | None,
    dropout: float | None,
    vocabulary: int | None,
    passes: float | None,
    minutes: float | None,
    batch: int,
    rate: float,
    validation: float,
    encoding: str,
    seed: int,
    output: Path | None,
    checkpoint: Path | None,
    resume: Path | None,
    quiet: bool,
) -> None:
    """Train a language model on a text, judge it on the text's last part, save it.

    FILE is a text, or tinyshakespeare. Beside the score stands that of counting: Kneser-Ney n-grams
    on the same tokens, and that of both mixed evenly.
    """
    from descend.files import writable

    if passes is not None and minutes is not None:
        raise DescendError("--passes and --minutes are two ends of one training; give one of them")
    text = _given(file)
    name = re.sub(r"\.(txt|text|md)$", "", Path(file).name)
    output = writable(output or Path(f"{name}.descend"), (file, resume), regular=True)
    if checkpoint is not None:
        checkpoint = writable(checkpoint, (file,))
        if checkpoint == output:
            raise DescendError(f"--checkpoint and the model are both to be {output}")
    from descend.text.language import LanguageModel

    model = LanguageModel(
        tokens,
        context=context,
        network=network,
        units=units,
        layers=layers,
        dropout=dropout,
        vocabulary=vocabulary,
        seed=seed,
    )
    model.fit(
        text,
        validation=validation,
        passes=10 if passes is None else passes,
        minutes=minutes,
        batch_size=batch,
        learning_rate=rate,
        encoding=encoding,
        checkpoint=checkpoint,
        resume=resume,
        verbose=0 if quiet else 1,
    )
    for remark in model.remarks:
        click.echo(f"note: {remark}", err=True)
    model.save(output)
    if model.validation is not None:
        click.echo(f"the last {validation:.0%} of the text: {model.validation}")
    click.echo(f"{network} of {model.weights:,} weights in {model.seconds:.0f} s: {output}")


@command.command("score")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("file")
@click.option("--encoding", default="utf-8", show_default=True, help="How FILE is written.")
def score(model: Path, file: str, encoding: str) -> None:
    """Score a text by a saved language model, every token once, beside counting.

    MODEL was written by `descend text train`. FILE is a text, or - for standard input.
    """
    from descend.text.language import LanguageModel

    text: Any = _standard_input(encoding) if file == "-" else _given(file)
    click.echo(str(LanguageModel.load(model).score(text, encoding=encoding)))


@command.command("generate")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--prompt",
    help="What to go on from.  [default: a line break, or the first token where none was learned]",
)
@click.option("--length", type=int, default=500, show_default=True, help="Tokens to write.")
@click.option(
    "--temperature",
    type=float,
    default=0.8,
    show_default=True,
    help="Below 1 likely tokens become likelier; 0: the likeliest.",
)
@click.option("--top-k", type=int, help="Only so many of the likeliest tokens may come.")
@click.option("--top-p", type=float, help="Only the likeliest that make up this probability.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the draws.")
def generate(
    model: Path,
    prompt: str | None,
    length: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int,
) -> None:
    """Let a saved language model write; say what it has copied from its training text.

    MODEL was written by `descend text train`.
    """
    from descend.cli.output import echo_data
    from descend.text.language import LanguageModel

    lm = LanguageModel.load(model)
    written = lm.generate(
        _beginning(lm) if prompt is None else prompt,
        length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
    )
    echo_data(written.text.lstrip("\n") + "\n")
    if written.copied_tokens is not None:
        click.echo(
            f"longest run that stands in the training text: {written.copied_tokens} tokens, "
            f"{written.copied!r}",
            err=True,
        )


def _beginning(lm: LanguageModel) -> str:
    """A line break where the model knows one, else the first token that it has learned."""
    tokeniser = lm.tokeniser
    assert tokeniser is not None
    if "\n" in tokeniser.tokens:
        return "\n"
    return tokeniser.decode([next(n for n in range(1, 3) if n != tokeniser.unknown)])


def _given(file: str) -> Any:
    """A text by its name, or the Path of a file."""
    from descend.data.texts import TEXTS, text_of

    path = Path(file)
    if not path.exists() and file in TEXTS:
        return text_of(file)
    return path


def _standard_input(encoding: str) -> str:
    try:
        return sys.stdin.buffer.read().decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise DescendError(f"standard input is no text in {encoding}: {error}") from None
