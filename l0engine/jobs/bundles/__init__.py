"""Bundles: jobs in one .zip, out of a store and into another."""

from l0engine.jobs.bundles.carrying import export_jobs, import_jobs

__all__ = ["export_jobs", "import_jobs"]
