"""The garbage collector is paused, and goes on afterwards, as it was before."""

from __future__ import annotations

import gc

import pytest

from jobgraph import garbage_collector


@garbage_collector.paused()
def enabled() -> bool:
    return gc.isenabled()


@garbage_collector.paused()
def fails() -> None:
    raise ValueError("on purpose")


def test_it_is_paused_inside_only() -> None:
    assert gc.isenabled()
    assert not enabled()
    assert gc.isenabled()
    assert not enabled()


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(ValueError, match="on purpose"):
        fails()
    assert gc.isenabled()


def test_it_stays_off_if_it_was() -> None:
    gc.disable()
    try:
        assert not enabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
