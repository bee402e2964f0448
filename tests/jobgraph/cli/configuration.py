"""A job configuration that is valid, and one with two mistakes."""

GOOD = """\
version: 1
defaults: {image: "my_job_image:latest", compute_pool: POOL}
graphs:
  nightly:
    schedule: 59 minutes
    jobs:
      load: {}
      report: {after: [load], retries: 2}
"""
BAD = GOOD.replace("after: [load]", "after: [laod]").replace("retries", "retrys")
