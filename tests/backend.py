"""setuptools, whose source distribution holds what stands in `tests/manifest.in`, too: the tests and all that they need."""

from setuptools.build_meta import *  # noqa: F403
from setuptools.command.egg_info import manifest_maker

manifest_maker.template = "tests/manifest.in"
