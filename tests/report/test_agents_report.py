"""The report on agents: the page stands alone, and says what the agents' own numbers say."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from report.read_page import Read

from descend.agents import DQN, QLearning, interquartile_mean, load_agents, make
from descend.cli.main import run
from descend.errors import DescendError
from descend.report.agents import words
from descend.report.agents.document import document_of
from descend.report.agents.evidence import gather, settings_of
from descend.report.agents.write import agents_report
from descend.train.rules import Adam

EVIL = "<script>alert('log')</script> & \"more\""


@pytest.fixture(scope="module")
def agents():
    """Three agents by DQN that hold the pole for some steps."""
    made = DQN(hidden=(8,), environments=2, updates=1, batch=8, warmup=16, lookahead=2)
    pole = make("cart-pole", limit=40)
    return made.learn(pole, 160, seeds=3, evaluations=3, episodes=4, verbose=0)


@pytest.fixture(scope="module")
def written(agents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("agents")
    files = agents_report(agents, folder / "pole.html", episodes=8, command=EVIL)
    assert (
        {f.name for f in folder.iterdir()} == {"pole.html", "pole.json"} == {f.name for f in files}
    )
    return [f.read_text() for f in files]


@pytest.fixture(scope="module")
def found(written):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(written[1], parse_constant=refuse)


@pytest.fixture(scope="module")
def judged(agents):
    return {which: agents.evaluate(8, which) for which in ("last", "best")}


# -- the page -------------------------------------------------------------------------------------


def test_the_page_is_whole_and_stands_alone(written):
    read = Read(written[0])
    assert read.open == []
    assert not read.all("script") + read.all("link") + read.all("iframe")
    for _, attrs in read.tags:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:image/svg+xml;base64,"))
        assert not any(name.startswith("on") for name in attrs)
    assert "url(" not in written[0]
    ids = {attrs["id"] for _, attrs in read.tags if "id" in attrs}
    assert all(a["href"][1:] in ids for a in read.all("a"))
    assert "<script" not in written[0]
    assert sum(EVIL in part for part in read.text["pre"]) == 1


def test_it_can_be_read_without_seeing_it(written):
    read = Read(written[0])
    assert read.text["h2"] == [
        "How good they are",
        "Learning curves",
        "Every agent",
        "The worst",
        "One agent, step by step",
        "What states are worth",
        "Environment",
        "Settings",
        "Deviations from the paper",
        "To do it again",
    ]
    pictures = read.all("img")
    assert len(pictures) == 5
    assert all(len(p["alt"]) > 30 for p in pictures)
    assert len(read.all("caption")) == len(read.all("table"))


def test_what_it_says(written, agents, judged):
    text = Read(written[0]).text
    last = judged["last"]
    assert "On 8 episodes that no agent has trained on" in text["p"][0]
    assert f"return of {last.interquartile_mean:.4g}" in text["p"][0]
    assert f"number {last.worst} with {last.means.min():.4g}" in text["p"][0]
    assert "3 seeds are few" in text["p"][1]
    assert "its 3 evaluations in training, each of 4 episodes" in " ".join(text["p"])
    assert "They are shown on 8 other episodes" in " ".join(text["p"])
    cells = text["td"] + text["th"]
    assert {"force of a push, N", "step of the target network", "one of 2: left, right"} <= set(
        cells
    )
    assert text["li"][-len(agents.algorithm.deviations) :] == list(agents.algorithm.deviations)


# -- the numbers ----------------------------------------------------------------------------------


def test_results_are_those_of_the_evaluation(found, judged):
    (one,) = found["results"]
    for which in ("last", "best"):
        assert one[which]["interquartile mean"] == pytest.approx(judged[which].interquartile_mean)
        low, high = judged[which].interval()
        assert (one[which]["low"], one[which]["high"]) == pytest.approx((low, high))
        for agent, row in enumerate(found["agents"]):
            mine = judged[which].returns[agent]
            assert row[which]["mean"] == pytest.approx(mine.mean())
            assert row[which]["worst episode"] == mine.min()


def test_a_worst_episode_can_be_played_again(found, agents, judged):
    worst = found["worst"]["episode"]
    assert worst["return"] == judged["last"].worst_episode
    again = agents[worst["agent"]].episode(seed=worst["seed"])
    assert again.total == pytest.approx(worst["return"])
    assert len(again) == worst["steps"]
    row = found["agents"][1]
    best = agents[1].episode(seed=row["best"]["worst episode seed"], which="best")
    assert best.total == pytest.approx(row["best"]["worst episode"])
    assert found["worst"]["agent"] == judged["last"].worst


def test_curves_have_every_agent_and_their_middle(found, agents):
    curves, frame = found["curves"], agents.curves()
    assert curves["steps"] == frame.index.tolist()
    np.testing.assert_allclose(curves["agents"], frame.to_numpy().T)
    (middle,) = curves["settings"]
    for row, one, low, high in zip(
        frame.to_numpy(), middle["interquartile mean"], middle["low"], middle["high"], strict=True
    ):
        assert one == pytest.approx(interquartile_mean(row))
        assert row.min() <= low <= one <= high <= row.max()


def test_the_median_agent_is_shown_step_by_step(found, agents, judged):
    shown = found["episode"]
    assert shown["agent"] == int(np.argsort(judged["last"].means)[1])
    played = agents[shown["agent"]].episode()
    frame = played.to_frame()
    for name in frame:
        assert shown["table"][name] == pytest.approx(frame[name].tolist())
    followed = shown["table"]["what followed"]
    assert followed[-1] == pytest.approx(played.rewards[-1])
    assert followed[0] == pytest.approx(np.sum(0.99 ** np.arange(len(played)) * played.rewards))
    assert shown["return"] == pytest.approx(played.total)


def test_the_surface_is_that_of_the_agent(found, agents):
    surface = found["surface"]
    again = agents[found["episode"]["agent"]].surface(*surface["variables"])
    np.testing.assert_allclose(surface["values"], again.values, rtol=1e-5)
    assert surface["what"] == "max_a Q(s, a)"
    assert set(surface["held"]) | set(surface["variables"]) == set(agents.environment.variables)


def test_what_was_trained_is_said_and_can_be_done_again(found, agents):
    assert found["run"]["seeds"] == [0, 1, 2]
    assert found["run"]["steps"] == agents.curves().index[-1]
    assert found["choice"] == {"evaluations": 3, "episodes": 4, "shown on": 8, "seed": 0}
    assert found["deviations"] == list(agents.algorithm.deviations)
    assert {s["name"]: s["value"] for s in found["settings"]}["lookahead"] == 2
    python = found["reproduce"]["python"]
    assert python.startswith("from descend.agents import DQN, make\n")
    space: dict = {}
    exec(python.split("\n\n")[0], space)
    call = python.split("agents = ")[1].partition(".learn(")[0]
    assert eval(call, space) == agents.algorithm
    assert eval(python.splitlines()[3].strip(" ,"), space) == agents.environment
    assert "seeds=3" in python
    assert "episodes=4" in python


# -- other agents ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table_agents():
    grid = {"gamma": [0.5, 0.95]}
    maze = make("maze", limit=30)
    return QLearning(first=1.0).learn(maze, 4000, seeds=[4, 2], grid=grid, evaluations=2, verbose=0)


def test_settings_are_told_apart_and_one_is_chosen_by_training(table_agents):
    assert [s.members for s in settings_of(table_agents)] == [[0, 1], [2, 3]]
    evidence = gather(table_agents, 3, 0)
    document = document_of(evidence)
    assert [r["setting"] for r in document["results"]] == ["gamma 0.5", "gamma 0.95"]
    ends = table_agents.curves().iloc[-1].to_numpy()
    best = int(interquartile_mean(ends[2:]) > interquartile_mean(ends[:2]))
    assert evidence.chosen.members == [[0, 1], [2, 3]][best]
    assert document["surface"] is None  # one-hot: nothing moves by degrees
    states = document["episode"]["table"]["state"]
    assert all(re.fullmatch(r"at \d+, \d+", state) for state in states)
    assert "seeds=[4, 2]" in document["reproduce"]["python"]
    assert "grid=[{'gamma': 0.5}, {'gamma': 0.95}]" in document["reproduce"]["python"]
    assert {s["name"]: s["value"] for s in document["settings"]}["gamma"] == "swept"


def test_from_the_command_line(agents, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    agents.save("pole.descend")
    assert run(["report", "pole.descend", "--episodes", "8"]) == 0
    out, _ = capsys.readouterr()
    assert out.splitlines() == ["wrote pole.html", "wrote pole.json"]
    document = json.loads((tmp_path / "pole.json").read_text())
    assert document["choice"]["episodes"] == 4  # from the file
    loaded = load_agents("pole.descend")
    assert [g.episodes for g in loaded.groups] == [4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pole.csv"], "leave out DATA"),
        (["--group", "sex"], "leave out --group"),
        (["--episodes", "0"], "episodes must be a whole number >= 1, got 0"),
        (["-o", "pole.pdf"], "ends in .html"),
        (["-o", "no/pole.html"], "no folder"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    agents, tmp_path, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    agents.save("pole.descend")
    assert run(["report", "pole.descend", *arguments]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert said in errors[0]
    assert [f.name for f in tmp_path.iterdir()] == ["pole.descend"]


def test_a_report_needs_a_name_and_episodes(agents, tmp_path):
    with pytest.raises(DescendError, match="ends in .html"):
        agents_report(agents, tmp_path / "a.txt")
    with pytest.raises(DescendError, match="seed must be"):
        agents_report(agents, tmp_path / "a.html", seed=-1)


# -- how things are written as Python -------------------------------------------------------------


def test_a_description_is_written_as_the_call_that_makes_it():
    made = DQN(hidden=(8, 4), optimizer=Adam(0.1, global_clipnorm=1.0), double=False)
    text = words.call(made)
    assert eval(text, {"DQN": DQN, "Adam": Adam}) == made
    assert "tau" not in text
    assert words.call(DQN()) == "DQN()"
    assert words.made(make("maze", slip=0.1)) == ("", 'make("maze", slip=0.1)')
    assert words.documented(DQN, "epsilon_end") == "share of random actions, at first and later"
    assert words.documented(DQN, "no_such") == ""
