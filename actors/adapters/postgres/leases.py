"""Fencing: work under a lease that was lost is refused."""

from __future__ import annotations

from actors.adapters.postgres.database import Connection
from domain.errors import LeaseLostError
from domain.models.files import Claim

# KEY SHARE lets the heartbeat and other slices of the same file go on, while whoever takes the
# file over (FOR UPDATE) waits until this transaction is done.
HOLD_LEASE = """-- hold_lease: keep the file from being taken over until this transaction ends
SELECT 1 FROM file_imports
WHERE id = $1 AND lease_owner = $2 AND attempt = $3 AND run = $4
  AND processing_status = 'processing'
FOR KEY SHARE
"""


async def hold_lease(connection: Connection, claim: Claim) -> None:
    """Make sure that the claim is the newest, and stays so until the transaction ends.

    Raises:
        LeaseLostError: somebody else has the file, or nobody may work on it any more.
    """
    row = await connection.fetchrow(
        HOLD_LEASE, claim.file_id, claim.owner, claim.attempt, claim.run
    )
    if row is None:
        raise lease_lost(claim)


def lease_lost(claim: Claim) -> LeaseLostError:
    return LeaseLostError(
        "the lease on the file was lost", file_id=str(claim.file_id), attempt=claim.attempt
    )
