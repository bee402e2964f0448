"""Load on a real sandbox process: sessions, schedules, containers, abandoned sessions, thousands of runs."""
