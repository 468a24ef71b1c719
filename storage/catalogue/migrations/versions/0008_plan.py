"""The digitisation plan and the lists it is measured against."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    pass
