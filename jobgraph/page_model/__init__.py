"""What the operators' page draws, as values: grids, timelines, courses, excerpts and addresses. All pure."""
