"""What the operators' page draws, as values: grids, timelines, job histories, excerpts and addresses. All pure."""
