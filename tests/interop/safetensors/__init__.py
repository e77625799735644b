# SPDX-License-Identifier: MIT
"""Stands in for the package safetensors, which distributions do not have: its two functions that documents use, written
by the format's specification."""
