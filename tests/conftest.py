"""For all tests: a law is no measurement, so its examples have no deadline. The first one may import a library."""

from hypothesis import settings

settings.register_profile("roadworthy", deadline=None)
settings.load_profile("roadworthy")
