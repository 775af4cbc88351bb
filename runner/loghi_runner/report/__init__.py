"""What a run learnt and how it errs, for a scholar to read: report.html and report.json."""
