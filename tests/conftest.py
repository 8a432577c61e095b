"""What every test is run with."""

from hypothesis import settings

# How long an example takes says how busy the machine is. Speed is measured in benchmarks.
settings.register_profile("evergreen", deadline=None)
settings.load_profile("evergreen")
