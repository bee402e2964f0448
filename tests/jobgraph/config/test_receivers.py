"""Who is told of what: how `notify` is read, and every mistake in it with its line and its remedy."""

from __future__ import annotations

import pytest

from jobgraph.config.model import Config, EmailChannel, Receiver
from jobgraph.config.reading import parse
from jobgraph.errors import ConfigErrors


def config_of(notify: str, graph: str) -> Config:
    jobs = "jobs: {a: {image: 'x:1', compute_pool: P}}"
    text = f"version: 1\ngraphs:\n  g:\n    notify: {notify}\n    {graph}\n    {jobs}\n"
    return parse(text.encode(), "x.yaml")


def receivers(notify: str, graph: str = "schedule: 1 hour") -> tuple[Receiver, ...]:
    return config_of(notify, graph).graphs[0].notify


@pytest.mark.parametrize(
    ("notify", "graph", "issue"),
    [
        ("{email: [a@b.org], late_after: 1 hour}", "comment: x", "no schedule"),
        ("{email: [a@b.org], events: [failure, late]}", "finalizer: false", "to send messages about failure"),
    ],
)
def test_what_the_graph_cannot_give_is_a_warning(notify: str, graph: str, issue: str) -> None:
    (warning,) = config_of(notify, graph).warnings
    assert issue in warning.issue
    assert warning.remedy


def test_a_receiver_by_itself_is_a_list_of_one() -> None:
    usual = ("failure", "recovered", "late")
    assert receivers("{email: [a@b.org]}") == (Receiver(usual, EmailChannel(("a@b.org",))),)
    assert receivers("{webhook: {type: pagerduty, secret: s}}")[0].events == usual
    assert receivers("{webhook: {type: pagerduty, integration: I}}")[0].events == ("failure", "late")
    assert receivers("[]") == ()


def test_a_graph_s_own_receivers_stand_instead_of_the_file_s() -> None:
    jobs = "image: 'x:1', compute_pool: P"
    text = f"""version: 1
notify: {{email: [file@b.org]}}
graphs:
  f: {{jobs: {{a: {{{jobs}}}}}}}
  g: {{jobs: {{b: {{{jobs}}}}}, notify: {{email: [graph@b.org], events: [success]}}}}
  h: {{jobs: {{c: {{{jobs}}}}}, notify: []}}
"""
    addresses = [
        [to for receiver in graph.notify if receiver.email for to in receiver.email.to]
        for graph in parse(text.encode(), "x.yaml").graphs
    ]
    assert addresses == [["file@b.org"], ["graph@b.org"], []]


@pytest.mark.parametrize(
    ("notify", "graph", "issue", "remedy"),
    [
        ("{events: [failure]}", "", "either `email` or `webhook`", "write {email:"),
        ("{email: [a@b.org], webhook: {type: slack, secret: s}}", "", "either `email` or `webhook`", "write"),
        ("{email: [], events: [failure]}", "", "needs an address", "write [ops@example.org]"),
        ("{email: [nobody]}", "", "an e-mail address", "write ops@example.org"),
        ("{email: [a@b.org], events: []}", "", "no message is sent", "name events"),
        ("{email: [a@b.org], events: [fail]}", "", "one of failure", "failure"),
        ("{email: [a@b.org], events: [failure], late_after: 1 hour}", "schedule: 1 hour", "leaves out `late`", "add"),
        ("{email: [a@b.org], late_after: {time: 12:30, timezone: UTC}}", "schedule: 1 hour", "a time of day", "quotes"),
        (
            "{email: [a@b.org], late_after: {time: '25:00', timezone: UTC}}",
            "schedule: 1 hour",
            "a time of day",
            "07:00",
        ),
        ("{email: [a@b.org], late_after: {time: '07:00'}}", "schedule: 1 hour", "`timezone` is missing", "add"),
        (
            "{email: [a@b.org], late_after: {time: '07:00', timezone: Berlin}}",
            "schedule: 1 hour",
            "does not exist",
            "Europe/Berlin",
        ),
        ("{webhook: {type: slack}}", "", "needs the secret", "TYPE = GENERIC_STRING"),
        ("{webhook: {secret: s}}", "", "`type` is missing", "add `type:`"),
        ("{webhook: {type: teams, secret: s}}", "", "an address of its own", "SNOWFLAKE_WEBHOOK_SECRET"),
        ("{webhook: {type: slack, secret: s, url: 'https://example.org/x'}}", "", "posts no slack", "hooks.slack.com"),
        (
            "{webhook: {type: slack, secret: s, url: 'https://hooks.slack.com/services/T/B/x'}}",
            "",
            "in plain text",
            "SNOWFLAKE_WEBHOOK_SECRET in its place",
        ),
        ("{webhook: {type: pagerduty, secret: s, url: 'https://example.org/x'}}", "", "one address", "remove `url`"),
        (
            "{webhook: {type: slack, integration: I, url: 'https://hooks.slack.com/services/x'}}",
            "",
            "has its own URL",
            "remove",
        ),
        ("{webhook: {type: pagerduty, secret: s}, events: [success]}", "", "open an incident", "leave `failure`"),
        (
            "{webhook: {type: pagerduty, integration: I}, events: [recovered]}",
            "",
            "open an incident",
            "with a `secret`",
        ),
    ],
)
def test_a_receiver_that_cannot_be_is_told_with_its_line_and_remedy(
    notify: str, graph: str, issue: str, remedy: str
) -> None:
    with pytest.raises(ConfigErrors) as caught:
        receivers(notify, graph)
    text = str(caught.value)
    assert issue in text
    assert remedy in text
    assert "x.yaml:4:" in text
