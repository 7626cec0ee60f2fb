# SPDX-License-Identifier: MIT
"""Machines for the tests: roots of distributions, booted in a container or a virtual machine."""
