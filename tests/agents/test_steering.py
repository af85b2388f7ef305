"""The car: the formulas of a bicycle on a circle, and policies whose return is known."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.steering import Car, Steering
from descend.agents.walking import play
from descend.errors import DescendError

KEY = None  # no step of it is by chance


def test_it_is_an_environment():
    checked = check_environment(Steering())
    assert checked.observation == (5,)
    assert len(Steering().variables) == 5
    assert checked.actions.shape == (1,)


def test_a_step_by_hand():
    road = Steering(speed=8.0, wheelbase=2.0, width=4.0, bend=0.05, wave=40.0, interval=0.5)
    # a quarter of the wave on: the sharpest bend to the left, .05 / m
    car = Car(jnp.float32(10.0), jnp.float32(1.0), jnp.float32(0.2), jnp.float32(0.0))
    new, reward, over = road.step(car, jnp.array([0.1]), KEY)
    along = 8 * math.cos(0.2) / (1 - 0.05)
    expected = [
        10 + 0.5 * along,
        1 + 0.5 * 8 * math.sin(0.2),
        0.2 + 0.5 * (8 * math.tan(0.1) / 2 - 0.05 * along),
        0.0,
    ]
    np.testing.assert_allclose(np.stack(new), expected, rtol=1e-6, atol=1e-6)
    assert not over
    assert reward == pytest.approx(1 - (expected[1] / 2) ** 2, rel=1e-5)
    turned = [math.sin(math.pi / 2 + 2 * math.pi * ahead / 40) for ahead in (0, 10, 20)]
    np.testing.assert_allclose(road.observe(car), [0.5, 0.2, *turned], atol=1e-6)


def test_a_wheel_held_still_drives_a_circle():
    """On a road as good as straight: radius l / tan a, in steps so small that Euler's error is."""
    road = Steering(bend=1e-9, width=1000.0, interval=1e-3, wave=1e6)
    angle = math.atan(2.5 / 50)  # a circle of 50 m
    start = Car(*(jnp.float32(0.0) for _ in range(4)))

    def one(car, _):
        return road.step(car, jnp.array([angle]), KEY)[0], None

    car = jax.jit(lambda c: jax.lax.scan(one, c, None, length=5000)[0])(start)
    turned = 10 * 5 / 50  # 50 m driven
    assert float(car.heading) == pytest.approx(turned, rel=1e-4)
    # Euler's steps of 1 cm are wrong by half a step: 1e-2 m
    assert float(car.distance) == pytest.approx(50 * math.sin(turned), abs=1e-2)
    assert float(car.offset) == pytest.approx(50 * (1 - math.cos(turned)), abs=1e-2)


class Centred(Steering):
    """Begins in the middle of the lane, along it."""

    def reset(self, key):
        return super().reset(key)._replace(offset=jnp.zeros(()), heading=jnp.zeros(()))


def returns(road, policy):
    keys = jax.random.split(jax.random.key(0), 16)
    return jax.jit(lambda k: play(road, lambda seen, legal, key: policy(seen), k))(keys)


def test_the_angle_of_the_bend_keeps_the_middle_and_earns_one_a_step():
    road = Centred()
    best = returns(road, lambda seen: jnp.arctan(road.wheelbase * road.bend * seen[2:3]))
    np.testing.assert_array_equal(best.steps, 500)
    assert not np.asarray(best.terminated).any()
    # the curvature that it sees is rounded to 1e-7, which drifts it by well below a centimetre
    np.testing.assert_allclose(best.returns, 500.0, atol=0.01)


def test_steering_back_keeps_the_lane_from_anywhere_and_straight_on_does_not():
    road = Steering()

    def back(seen):
        bend = road.bend * seen[2:3]
        return jnp.arctan(road.wheelbase * (bend - 0.02 * seen[0:1] * 2 - 0.3 * seen[1:2]))

    kept = returns(road, back)
    assert not np.asarray(kept.terminated).any()
    assert (np.asarray(kept.returns) > 490).all()
    lost = returns(road, lambda seen: jnp.zeros(1))
    assert np.asarray(lost.terminated).all()
    assert (np.asarray(lost.steps) < 50).all()  # half a wave


def test_leaving_the_lane_or_turning_about_ends_it_and_pays_nothing():
    road = Steering()
    rows = jnp.array([[1.99, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 1.5, 0.5], [-1.99, -0.5, 0.0]])

    def one(row):
        return road.step(Car(jnp.zeros(()), row[0], row[1], jnp.zeros(())), row[2:], KEY)

    _, reward, over = jax.vmap(one)(rows)
    np.testing.assert_array_equal(over, [True, False, True, True])
    np.testing.assert_allclose(reward, [0, 0.75, 0, 0], atol=1e-6)


def test_an_angle_beyond_the_bounds_is_the_bound():
    road, car = Steering(), Car(*(jnp.float32(0.1) for _ in range(4)))
    far, at = (road.step(car, jnp.array([angle]), KEY)[0] for angle in (9.0, 0.5))
    np.testing.assert_array_equal(np.stack(far), np.stack(at))


def test_a_bend_too_sharp_for_the_lane_is_refused():
    with pytest.raises(DescendError, match="radius of the sharpest bend, 2 m"):
        Steering(bend=0.5)


def test_the_picture_shows_lane_and_car():
    road = Steering()
    middle, left = (road.picture(Car(0.0, offset, 0.0, 0.0)) for offset in (0.0, 3.0))
    assert middle.dtype == np.uint8
    assert middle.shape[2] == 3
    car = (middle == [0, 0x72, 0xB2]).all(axis=-1)
    assert car.sum() > 10
    # with the car 3 m to the left of the middle, the lane lies to its right: grey is there
    row = middle.shape[0] * 3 // 4 + 10  # a little behind the car

    def grey(picture):
        return np.flatnonzero((picture[row] == 0x99).all(axis=-1)).mean()

    assert grey(left) > grey(middle) + 5
