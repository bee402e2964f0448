"""The views, one file each: what a view reads, which of its controls there are, and that it draws itself anew."""
