"""Why a run failed."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Unknown of the runs that are there."""
    op.add_column("runs", sa.Column("reason", sa.Text))
