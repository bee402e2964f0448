"""The views, one file each: what each view reads, which controls it has, and when it is refreshed."""
