"""What the rows of a file said is looked up alike in memory and on disk."""

from __future__ import annotations

import random

import pytest

from kg.ingest.seen import Seen, Step, Steps


@pytest.mark.parametrize("in_memory", [0, 1, 150, 10_000])
def test_the_first_one_is_kept_wherever_it_lies(in_memory: int) -> None:
    draw = random.Random(7)
    seen, plain = Seen(in_memory), dict[int, tuple[int, int]]()
    for row in range(1000):
        key, said = draw.choice((-1, 1)) * (draw.randrange(300) << 53), draw.randrange(-(1 << 63), 1 << 63)
        assert seen.first(key, said, row) == plain.setdefault(key, (said, row))
    assert len(seen) == len(plain)
    for key, (said, _) in plain.items():
        assert key in seen
        assert seen.get(key, 5) == said
    assert 12345 not in seen
    assert seen.get(12345, -5) == -5


@pytest.mark.parametrize("in_memory", [0, 1, 150, 10_000])
def test_steps_keep_their_order(in_memory: int) -> None:
    draw = random.Random(8)
    steps, plain = Steps(in_memory), dict[int, list[Step]]()
    for row in range(600):
        key = hash(("locatedIn", draw.randrange(100)))
        step = Step(draw.randrange(-(1 << 63), 1 << 63), -(2**62), 2**62, row)
        steps.add(key, step)
        plain.setdefault(key, []).append(step)
    assert {key: list(steps.of(key)) for key in plain} == plain
    assert list(steps.of(-3)) == []
