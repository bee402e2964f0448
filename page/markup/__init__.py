"""The HTML of the views: models of `jobgraph.page_model` in, text out. Pure; every text of others is escaped."""
