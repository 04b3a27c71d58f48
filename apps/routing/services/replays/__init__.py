"""What-ifs over recorded usage, as background work.

1. `asking`: a scenario becomes a run; a run is cancelled, or becomes a draft of the policy.
2. `working`: a worker takes a run by a lease and replays it piece by piece.
"""
