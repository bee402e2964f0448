"""The HTML of the views: models of `jobgraph.page_model` in, text out. Pure; all text from outside is escaped."""
