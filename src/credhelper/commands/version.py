# SPDX-License-Identifier: MIT
"""The version of credhelper: the one place, from which the package's metadata come too."""

VERSION = "1.0.0"
