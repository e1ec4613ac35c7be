"""A circuit breaker: when it opens, who tries it, and that it closes again whatever happens."""

from __future__ import annotations

from almanac.serving.circuit import Circuit


def test_it_opens_is_tried_by_one_and_closes() -> None:
    now = [0.0]
    circuit = Circuit(2, 30, lambda: now[0])
    circuit.failed()
    circuit.left()
    assert circuit.lets_through()
    circuit.failed()
    assert (circuit.state, circuit.lets_through()) == ("open", False)
    now[0] = 30
    assert [circuit.lets_through() for _ in range(3)] == [True, False, False]
    circuit.failed()
    assert circuit.state == "open"
    now[0] = 60
    assert circuit.lets_through()
    circuit.succeeded()
    now[0] = 61  # not because another may try
    assert [circuit.lets_through() for _ in range(2)] == [True, True]


def test_a_reader_who_left_before_the_try_began_does_not_keep_it_open_for_ever() -> None:
    now = [0.0]
    circuit = Circuit(1, 30, lambda: now[0])
    circuit.failed()
    now[0] = 30
    assert circuit.lets_through()  # and then nothing is heard of that answer
    now[0] = 59
    assert not circuit.lets_through()
    now[0] = 60
    assert circuit.lets_through()
