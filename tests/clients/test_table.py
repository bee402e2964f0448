"""The page on coverage: made of the clients and programs that are here."""

from __future__ import annotations

from pathlib import Path

from tests.clients.table import CLIENTS, MARK, Client, Outcome, differences, digest, document

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"


def test_the_page_is_of_these_clients_and_programs() -> None:
    text = PAGE.read_text()
    assert f"{MARK}{digest()} (" in text, "docs/coverage.md is out of date: run `make clients`"
    assert all(f"| {client.name} |" in text for client in CLIENTS)


def test_the_table_counts_steps_and_names_what_was_not_answered() -> None:
    steps = (("a", "answered", ""), ("b", "refused", "Unsupported `x`"), ("c", "wrong", "1 instead of 2"))
    text = document([Outcome(Client("me", "me", (), "p.py"), steps, (5, 3, 1, 1))], "2026-01-02")
    assert "| me | 3 | 1 | 1 | 1 | 5 | 3 | 1 | 1 |" in text
    assert "- me, b: refused. `Unsupported x`" in text
    assert "- me, c: wrong. `1 instead of 2`" in text


def test_a_page_is_out_of_date_where_a_step_ended_otherwise() -> None:
    def page(outcome: str, sent: int, date: str) -> str:
        steps = (("a", "answered", ""), ("b", outcome, "a text"))
        return document([Outcome(Client("me", "me", (), "p.py"), steps, (sent, 3, 1, 1))], date)

    assert differences(page("refused", 5, "2026-01-02"), page("refused", 6, "2026-01-03")) == []
    assert differences(page("refused", 5, "2026-01-02"), page("wrong", 5, "2026-01-02")) == [
        "- me, b: refused.",
        "- me, b: wrong.",
        "| me | 2 | 1 | 0 | 1",
        "| me | 2 | 1 | 1 | 0",
    ]
