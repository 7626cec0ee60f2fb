# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that seal say of the TPM2."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  tpm2_pcrs:
    description:
      - The PCRs of the TPM2 to bind to. Taken where something is sealed; it alone changes nothing.
    type: str
  tpm2_public_key:
    description:
      - A file on the host with the public key of who signs the values of PCRs that are to come.
        Left out, a credential keeps its own.
    type: path
  tpm2_public_key_pcrs:
    description:
      - The PCRs whose values are signed.
    type: str
  tpm2_signature:
    description:
      - A file on the host with the signatures, where it is not in one of systemd's own places.
    type: path
"""
