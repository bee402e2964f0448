import io

from jobgraph.toolchain.progress import Reporter, elapsed


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_a_line_now_and_then() -> None:
    clock, output = Clock(), io.StringIO()

    with Reporter(clock, output).step("Go builds") as step:
        for second in range(61):
            clock.now = float(second)
            step.update("example.org/one", second, 100)

    assert output.getvalue().splitlines() == [
        "Go builds ...",
        "Go builds: example.org/one (15 %), 0:15",
        "Go builds: example.org/one (30 %), 0:30",
        "Go builds: example.org/one (45 %), 0:45",
        "Go builds: example.org/one (60 %), 1:00",
    ]


def test_work_that_says_nothing_still_shows_that_time_goes_by() -> None:
    clock, output = Clock(), io.StringIO()

    with Reporter(clock, output).step("Go builds") as step:
        step.update("linking")
        clock.now = 20.0
        step.tick()

    assert output.getvalue().splitlines()[-1] == "Go builds: linking, 0:20"


def test_elapsed() -> None:
    assert [elapsed(seconds) for seconds in (0.9, 59.9, 187.0)] == ["0:00", "0:59", "3:07"]
