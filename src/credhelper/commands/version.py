# SPDX-License-Identifier: MIT
"""The version of credhelper."""

VERSION = "1.0.0"
