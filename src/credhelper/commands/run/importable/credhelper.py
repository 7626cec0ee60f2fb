# SPDX-License-Identifier: MIT
"""The package ``credhelper``, for a Python in which it is not installed.

This directory is on that Python's path, so that it finds this and nothing else of the system's.
"""

import os

__path__ = [os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))]
__file__ = os.path.join(__path__[0], "__init__.py")
with open(__file__, encoding="utf-8") as _file:
    exec(compile(_file.read(), __file__, "exec"))  # noqa: S102 # the package itself
