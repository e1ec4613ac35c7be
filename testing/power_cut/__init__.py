"""What a power cut leaves of a folder, at each point of a recorded run.

`recording` writes down which file operations a run makes (strace), `images` replays them up to a
point and says what may be on the disk then, and `house` is the run: nights, retention, erasure.
"""
